//! A pod as it is stored: what upstream leaves out, and what it always writes.

use serde_json::{Value, json};

use super::{container, defaults};
use crate::admission::Policy;

fn stored(spec: &str) -> Value {
    defaults(&Policy::default(), spec)
}

#[test]
fn api_2_5_what_means_its_absence_is_left_out() {
    let plain = stored("{containers: [{image: shop}]}");
    for field in [
        "hostIPC: false, hostPID: false, hostNetwork: false",
        "dnsPolicy: '', serviceAccountName: '', schedulerName: '', priorityClassName: ''",
        "nodeSelector: {}, tolerations: [], hostAliases: [], topologySpreadConstraints: []",
        "imagePullSecrets: [], initContainers: [], volumes: []",
        "affinity: null, securityContext: null, runtimeClassName: null",
    ] {
        assert_eq!(
            stored(&format!("{{{field}, containers: [{{image: shop}}]}}")),
            plain,
            "{field}"
        );
    }
    for field in [
        "imagePullPolicy: '', workingDir: '', terminationMessagePath: '', terminationMessagePolicy: ''",
        "args: [], command: [], env: [], envFrom: [], ports: [], volumeMounts: []",
        "resources: {limits: {}, requests: {}, claims: []}",
        "stdin: false, stdinOnce: false, tty: false",
        "readinessProbe: {initialDelaySeconds: 0, periodSeconds: 0, timeoutSeconds: 0, failureThreshold: 0}",
        "readinessProbe: {tcpSocket: {host: ''}}",
        "livenessProbe: null, securityContext: null, lifecycle: null",
    ] {
        assert_eq!(stored(&container(field)), plain, "{field}");
    }
}

#[test]
fn api_2_5_what_means_something_stays() {
    let pod = stored(
        "{affinity: {}, dnsConfig: {}, securityContext: {fsGroup: 0, runAsNonRoot: false}, runtimeClassName: '', \
         shareProcessNamespace: false, automountServiceAccountToken: false, terminationGracePeriodSeconds: 0, \
         containers: [{image: shop, securityContext: {}, env: [{name: A, valueFrom: {configMapKeyRef: {key: a, optional: false}}}]}]}",
    );
    for (field, want) in [
        ("affinity", json!({})),
        ("dnsConfig", json!({})),
        (
            "securityContext",
            json!({"fsGroup": 0, "runAsNonRoot": false}),
        ),
        ("runtimeClassName", json!("")),
        ("shareProcessNamespace", json!(false)),
        ("automountServiceAccountToken", json!(false)),
        ("terminationGracePeriodSeconds", json!(0)),
    ] {
        assert_eq!(pod[field], want, "{field}");
    }
    let container = &pod["containers"][0];
    assert_eq!(container["securityContext"], json!({}));
    assert_eq!(
        container["env"],
        json!([{"name": "A", "valueFrom": {"configMapKeyRef": {"key": "a", "name": "", "optional": false}}}])
    );
}

#[test]
fn api_2_5_fields_behind_flags_are_gone_through_as_well() {
    for (written, stored_as) in [
        (
            "tolerations: [{key: '', operator: Exists, value: '', effect: '', tolerationSeconds: 0}]",
            "tolerations: [{operator: Exists, tolerationSeconds: 0}]",
        ),
        (
            "dnsConfig: {nameservers: [], searches: [], options: [{name: '', value: ''}]}",
            "dnsConfig: {options: [{value: ''}]}",
        ),
        ("dnsConfig: {options: []}", "dnsConfig: {}"),
        (
            "hostAliases: [{ip: 10.0.0.1, hostnames: []}]",
            "hostAliases: [{ip: 10.0.0.1}]",
        ),
        (
            "topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, matchLabelKeys: [], \
             labelSelector: {matchLabels: {}, matchExpressions: []}}]",
            "topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, labelSelector: {}}]",
        ),
        (
            "affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: {matchFields: []}}], \
             requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchFields: [], \
             matchExpressions: [{key: a, operator: Exists, values: []}]}]}}}",
            "affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: {}}], \
             requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Exists}]}]}}}",
        ),
        (
            "affinity: {podAffinity: {preferredDuringSchedulingIgnoredDuringExecution: []}, podAntiAffinity: \
             {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: zone, namespaces: [], matchLabelKeys: [], \
             mismatchLabelKeys: [], namespaceSelector: {matchLabels: {}}, labelSelector: {matchExpressions: \
             [{key: a, operator: DoesNotExist, values: []}]}}]}}",
            "affinity: {podAffinity: {}, podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: zone, \
             namespaceSelector: {}, labelSelector: {matchExpressions: [{key: a, operator: DoesNotExist}]}}]}}",
        ),
        (
            "volumes: [{name: v, ephemeral: {volumeClaimTemplate: {metadata: {labels: {}, annotations: {}}, spec: {selector: \
             {matchLabels: {}}}}}}]",
            "volumes: [{name: v, ephemeral: {volumeClaimTemplate: {metadata: {}, spec: {selector: {}, resources: {}}}}}]",
        ),
    ] {
        let container = "containers: [{image: shop}]";
        let pod = stored(&format!("{{{written}, {container}}}"));
        let want: Value = serde_yaml_ng::from_str(&format!("{{{stored_as}}}")).unwrap();
        for (field, want) in want.as_object().unwrap() {
            assert_eq!(pod[field], *want, "{written}");
        }
    }
}

#[test]
fn api_2_5_some_fields_are_always_written() {
    let pod = stored(
        "{containers: [{image: shop, ports: [{name: h2c}], livenessProbe: {httpGet: {path: /}}, startupProbe: {grpc: {}}, \
          env: [{value: a}], volumeMounts: [{}]}], initContainers: [{image: init}], volumes: [{secret: {}}], imagePullSecrets: [{}]}",
    );
    assert_eq!(
        pod["containers"][0],
        json!({
            "name": "user-container",
            "image": "shop",
            "resources": {},
            "ports": [{"name": "h2c", "containerPort": 0}],
            "env": [{"name": "", "value": "a"}],
            "livenessProbe": {"httpGet": {"path": "/", "port": 0}},
            "startupProbe": {"grpc": {"port": 0, "service": ""}},
            "readinessProbe": {"successThreshold": 1, "tcpSocket": {"port": 0}},
            "volumeMounts": [{"name": "", "mountPath": "", "readOnly": true}],
        })
    );
    assert_eq!(
        pod["initContainers"],
        json!([{"name": "init-container", "image": "init", "resources": {}}])
    );
    assert_eq!(pod["volumes"], json!([{"name": "", "secret": {}}]));
    assert_eq!(pod["imagePullSecrets"], json!([{"name": ""}]));
}

#[test]
fn api_2_5_volumes() {
    for (written, stored_as) in [
        (
            "emptyDir: {medium: '', sizeLimit: 1024Mi}",
            json!({"emptyDir": {"sizeLimit": "1Gi"}}),
        ),
        (
            "emptyDir: {sizeLimit: 0}",
            json!({"emptyDir": {"sizeLimit": "0"}}),
        ),
        (
            "secret: {secretName: '', items: [], optional: false}",
            json!({"secret": {"optional": false}}),
        ),
        ("configMap: {items: []}", json!({"configMap": {"name": ""}})),
        (
            "persistentVolumeClaim: {claimName: a, readOnly: false}",
            json!({"persistentVolumeClaim": {"claimName": "a"}}),
        ),
        (
            "csi: {driver: d, readOnly: false, fsType: '', volumeAttributes: {}}",
            json!({"csi": {"driver": "d", "readOnly": false, "fsType": ""}}),
        ),
        (
            "image: {reference: '', pullPolicy: ''}",
            json!({"image": {}}),
        ),
        ("ephemeral: {}", json!({"ephemeral": {}})),
        (
            "ephemeral: {volumeClaimTemplate: {spec: {accessModes: [], volumeName: ''}}}",
            json!({"ephemeral": {"volumeClaimTemplate": {"metadata": {}, "spec": {"resources": {}}}}}),
        ),
        ("projected: {sources: []}", json!({"projected": {}})),
        (
            "projected: {sources: [{serviceAccountToken: {audience: ''}}, {downwardAPI: {items: [{path: a, \
             resourceFieldRef: {containerName: '', resource: b}}]}}]}",
            json!({"projected": {"sources": [
                {"serviceAccountToken": {"path": ""}},
                {"downwardAPI": {"items": [{"path": "a", "resourceFieldRef": {"resource": "b", "divisor": "0"}}]}},
            ]}}),
        ),
    ] {
        let pod = stored(&format!(
            "{{containers: [{{image: shop}}], volumes: [{{name: v, {written}}}]}}"
        ));
        let mut want = stored_as;
        want["name"] = "v".into();
        assert_eq!(pod["volumes"][0], want, "{written}");
    }
}

#[test]
fn api_2_5_quantities_have_one_spelling() {
    for fields in [
        "resources: {limits: {cpu: 2, memory: 1.5Gi, example.com/device: '1'}, requests: {cpu: 0.5, memory: 1024Mi, ephemeral-storage: 1000000}}",
        "resources: {limits: {cpu: 2000m, memory: 1536Mi, example.com/device: 1}, requests: {cpu: 500m, memory: 1Gi, ephemeral-storage: 1M}}",
    ] {
        let pod = stored(&format!(
            "{{containers: [{{image: shop, {fields}}}], initContainers: [{{image: init, {fields}}}]}}"
        ));
        let want = json!({
            "limits": {"cpu": "2", "memory": "1536Mi", "example.com/device": "1"},
            "requests": {"cpu": "500m", "memory": "1Gi", "ephemeral-storage": "1M"},
        });
        assert_eq!(pod["containers"][0]["resources"], want);
        assert_eq!(pod["initContainers"][0]["resources"], want);
    }
    let pod = stored(&container(
        "env: [{name: A, valueFrom: {resourceFieldRef: {resource: r, divisor: 1024Ki}}}, {name: B, valueFrom: {resourceFieldRef: {resource: r}}}]",
    ));
    let divisor =
        |i: usize| &pod["containers"][0]["env"][i]["valueFrom"]["resourceFieldRef"]["divisor"];
    assert_eq!((divisor(0), divisor(1)), (&json!("1Mi"), &json!("0")));
}
