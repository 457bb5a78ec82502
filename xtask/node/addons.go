package main

import (
	"context"
	"fmt"
	"os"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	"github.com/spf13/cobra"
)

// addons is what a cluster has beyond Kubernetes proper: names for Services, and addresses for those of type
// LoadBalancer. They share a process, because the memory of each would mostly be that of the common libraries.
func addons() *cobra.Command {
	var corefile, kubeconfig, address string
	command := &cobra.Command{
		Use:          "addons",
		SilenceUsage: true,
		RunE: func(command *cobra.Command, _ []string) error {
			names, err := serveNames(corefile)
			if err != nil {
				return err
			}
			defer names.Stop()
			return giveAddresses(context.Background(), kubeconfig, address)
		},
	}
	flags := command.Flags()
	flags.StringVar(&corefile, "corefile", "", "what CoreDNS serves, and where")
	flags.StringVar(&kubeconfig, "kubeconfig", "", "how to reach the API server")
	flags.StringVar(&address, "address", "", "address of every Service of type LoadBalancer")
	return command
}

// serveNames starts CoreDNS with the configuration in the file at path.
func serveNames(path string) (*caddy.Instance, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	caddy.AppName = "CoreDNS"
	dnsserver.Quiet = true
	instance, err := caddy.Start(caddy.CaddyfileInput{Contents: text, Filepath: path, ServerTypeName: "dns"})
	if err != nil {
		return nil, fmt.Errorf("cannot serve names: %w", err)
	}
	return instance, nil
}
