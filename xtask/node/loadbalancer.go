package main

import (
	"context"
	"fmt"
	"log"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/workqueue"

	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// giveAddresses writes address into the status of every Service of type LoadBalancer; kube-proxy does the rest.
// Two Services that want the same port of it get in each other's way, and the older rule wins.
//
// It returns only if it cannot begin.
func giveAddresses(ctx context.Context, kubeconfig, address string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	services := factory.Core().V1().Services()

	// One key for everything: a cluster like this has a handful of Services, so each change looks at them all.
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[struct{}](
		50*time.Millisecond, 5*time.Second))
	changed := func(any) { queue.Add(struct{}{}) }
	if _, err := services.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    changed,
		UpdateFunc: func(_, after any) { changed(after) },
	}); err != nil {
		return err
	}
	lister := services.Lister()
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), services.Informer().HasSynced) {
		return fmt.Errorf("cannot list Services: %w", ctx.Err())
	}
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		key, _ := queue.Get()
		defer queue.Done(key)
		if err := assign(ctx, client, lister, address); err != nil {
			log.Printf("will try again: %v", err)
			queue.AddRateLimited(key)
			return
		}
		queue.Forget(key)
	}, 0)
	return ctx.Err()
}

func assign(ctx context.Context, client kubernetes.Interface, services listers.ServiceLister, address string) error {
	all, err := services.List(labels.Everything())
	if err != nil {
		return err
	}
	mode := core.LoadBalancerIPModeVIP
	want := core.LoadBalancerStatus{Ingress: []core.LoadBalancerIngress{{IP: address, IPMode: &mode}}}
	for _, service := range all {
		if service.Spec.Type != core.ServiceTypeLoadBalancer || equality.Semantic.DeepEqual(service.Status.LoadBalancer, want) {
			continue
		}
		service = service.DeepCopy()
		service.Status.LoadBalancer = want
		if _, err := client.CoreV1().Services(service.Namespace).UpdateStatus(ctx, service, meta.UpdateOptions{}); err != nil {
			return fmt.Errorf("cannot give %s/%s its address: %w", service.Namespace, service.Name, err)
		}
	}
	return nil
}
