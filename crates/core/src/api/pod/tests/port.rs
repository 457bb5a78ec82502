//! Rules about ports.

use super::{INIT, check, container, init, stock};

fn ports(list: &str) -> String {
    container(&format!("ports: [{list}]"))
}

#[test]
fn api_7_2_ports() {
    for list in [
        "",
        "{}",
        "{containerPort: 0}",
        "{containerPort: 65535, name: http1, protocol: TCP}",
        "{containerPort: 80, name: h2c}",
        "{containerPort: 80, name: '', protocol: ''}",
        "{containerPort: 80, hostPort: 0, hostIP: ''}",
        // The sidecar's own, and yet not reserved.
        "{containerPort: 8112}",
    ] {
        stock(&ports(list), "");
    }
    let at = "spec.containers[0].ports";
    for (list, want) in [
        (
            "{containerPort: 65536}",
            format!("expected 0 <= 65536 <= 65535: {at}.containerPort"),
        ),
        (
            "{containerPort: -1}",
            format!("expected 0 <= -1 <= 65535: {at}.containerPort"),
        ),
        (
            "{containerPort: 80, protocol: UDP}",
            format!("invalid value: UDP: {at}.protocol"),
        ),
        (
            "{containerPort: 80, name: foo}",
            format!(
                "Port name foo is not allowed: {at}\nName must be empty, or one of: 'h2c', 'http1'"
            ),
        ),
        (
            "{containerPort: 80, hostPort: 80, hostIP: 10.0.0.1}",
            format!("must not set the field(s): {at}.hostIP, {at}.hostPort"),
        ),
    ] {
        stock(&ports(list), &want);
    }
}

#[test]
fn api_7_2_reserved_ports() {
    for number in [8008, 8012, 8013, 8022, 9090, 9091] {
        stock(
            &ports(&format!("{{containerPort: {number}}}")),
            &format!(
                "invalid value: {number} is a reserved port: spec.containers[0].ports.containerPort\n\
                 {number} is a reserved port, please use a different value"
            ),
        );
    }
}

#[test]
fn api_7_2_one_port_over_all_containers() {
    let many = "more than one container port is set: spec.containers[*].ports\n\
                Only a single port is allowed across all containers";
    stock(&ports("{containerPort: 80}, {containerPort: 81}"), many);
    // Only the first of a container's ports is looked at.
    stock(
        &ports("{containerPort: 80}, {containerPort: 8012, protocol: UDP}"),
        many,
    );
    stock(
        "{containers: [{image: shop, ports: [{containerPort: 80}]}, {image: side, ports: [{containerPort: 81}]}]}",
        many,
    );
    stock(
        "{containers: [{image: shop}, {image: side}]}",
        "missing field(s): spec.containers[*].ports",
    );
}

#[test]
fn api_7_6_ports_of_init_containers_are_their_own_business() {
    let on = [INIT];
    let ports = |list: &str| init(&format!("ports: [{list}]"));
    check(
        &on,
        &ports("{containerPort: 1, name: any, protocol: UDP}, {containerPort: 2}"),
        "",
    );
    check(
        &on,
        &ports("{containerPort: 1}, {containerPort: 8022}, {containerPort: 70000}, {hostPort: 1}"),
        "expected 0 <= 70000 <= 65535: spec.containers[0].ports.containerPort\n\
         invalid value: 8022 is a reserved port: spec.containers[0].ports.containerPort\n\
         8022 is a reserved port, please use a different value\n\
         must not set the field(s): spec.containers[0].ports.hostPort",
    );
}
