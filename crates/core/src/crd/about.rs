//! What each kind is, in the words that `kubectl explain` shows first.

/// The description of a kind; empty for one that is not ours.
pub(super) fn about(kind: &str) -> &'static str {
    match kind {
        "Service" => {
            "Service runs a container and gives it a URL: it keeps a Configuration and a Route of the same name. \
             Every change of its template makes a new Revision; its traffic says which Revisions get which share \
             of the requests. This is what most users write."
        }
        "Configuration" => {
            "Configuration is the wanted state of an application. Every change of its template makes a new Revision, \
             and older ones stay, so that a Route can send traffic to them."
        }
        "Revision" => {
            "Revision is one version of code and configuration, which never changes. It is made from the template of \
             a Configuration and scaled by the requests it gets, down to zero."
        }
        "Route" => "Route gives a URL to Revisions, and splits the requests among them.",
        "DomainMapping" => {
            "DomainMapping gives a host name of your own to a Service or to whatever else can be addressed. Its name \
             is the host name."
        }
        "PodAutoscaler" => {
            "PodAutoscaler scales what runs a Revision by its load. Made by Serving for every Revision."
        }
        "Metric" => {
            "Metric says which pods' load is collected, and how it is averaged. Made by Serving for every \
             PodAutoscaler of the class kpa."
        }
        "ServerlessService" => {
            "ServerlessService decides who gets the requests of a Revision: its pods, or the activator, which holds \
             them while there is no pod. Made by Serving for every PodAutoscaler."
        }
        "Ingress" => {
            "Ingress tells the networking layer which hosts and paths lead to which Kubernetes Services, and in which \
             shares. Made by Serving for every Route and DomainMapping."
        }
        "Certificate" => {
            "Certificate asks a provider for a TLS certificate for some host names, to be put into a Secret. Made by \
             Serving where TLS is switched on."
        }
        "ClusterDomainClaim" => {
            "ClusterDomainClaim reserves a host name for one namespace, so that only DomainMappings of that \
             namespace may use it. Its name is the host name."
        }
        "Image" => {
            "Image asks an image cache, if there is one, to have an image at hand on the nodes. Made by Serving for \
             every container of a Revision."
        }
        _ => "",
    }
}
