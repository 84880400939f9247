package ingress

import (
	"slices"
	"testing"

	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	networking "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func pointer[T any](value T) *T { return &value }

func class(name, controller string) *networking.IngressClass {
	return &networking.IngressClass{ObjectMeta: meta.ObjectMeta{Name: name}, Spec: networking.IngressClassSpec{Controller: controller}}
}

func ingressFor(name, class string, rules ...networking.IngressRule) *networking.Ingress {
	return &networking.Ingress{
		ObjectMeta: meta.ObjectMeta{Namespace: "shop", Name: name},
		Spec:       networking.IngressSpec{IngressClassName: &class, Rules: rules},
	}
}

func rule(host, path, service string, kind networking.PathType) networking.IngressRule {
	backend := networking.IngressBackend{Service: &networking.IngressServiceBackend{Name: service, Port: networking.ServiceBackendPort{Name: "http"}}}
	paths := []networking.HTTPIngressPath{{Path: path, PathType: &kind, Backend: backend}}
	return networking.IngressRule{Host: host, IngressRuleValue: networking.IngressRuleValue{HTTP: &networking.HTTPIngressRuleValue{Paths: paths}}}
}

func service(name string) *core.Service {
	return &core.Service{
		ObjectMeta: meta.ObjectMeta{Namespace: "shop", Name: name},
		Spec:       core.ServiceSpec{Ports: []core.ServicePort{{Name: "metrics", Port: 9000}, {Name: "http", Port: 80}}},
	}
}

func slice(service string, endpoints ...discovery.Endpoint) *discovery.EndpointSlice {
	return &discovery.EndpointSlice{
		ObjectMeta: meta.ObjectMeta{Namespace: "shop", Labels: map[string]string{discovery.LabelServiceName: service}},
		Ports:      []discovery.EndpointPort{{Name: pointer("metrics"), Port: pointer(int32(9000))}, {Name: pointer("http"), Port: pointer(int32(8080))}},
		Endpoints:  endpoints,
	}
}

func endpoint(address string, ready, serving bool) discovery.Endpoint {
	return discovery.Endpoint{Addresses: []string{address}, Conditions: discovery.EndpointConditions{Ready: &ready, Serving: &serving}}
}

// cluster has the service "web" with one ready endpoint, 10.0.0.1, and whatever else is given.
func cluster(ingresses ...*networking.Ingress) objects {
	return objects{
		classes:   []*networking.IngressClass{class("local", Controller), class("other", "example.org/other")},
		ingresses: ingresses,
		services:  []*core.Service{service("web")},
		slices:    []*discovery.EndpointSlice{slice("web", endpoint("10.0.0.1", true, true))},
	}
}

func TestARequestGoesToTheReadyEndpointOfItsHost(t *testing.T) {
	made := newTable(cluster(ingressFor("a", "local", rule("Web.Example.org", "/", "web", networking.PathTypePrefix))))
	found := made.find("web.example.ORG:80", "/any/path")
	if found == nil || !slices.Equal(found.endpoints, []string{"10.0.0.1:8080"}) {
		t.Fatalf("found %+v", found)
	}
	if other := made.find("other.example.org", "/"); other != nil {
		t.Fatalf("a host without ingress found %+v", other)
	}
}

func TestIngressesOfAnotherControllerAreLeftAlone(t *testing.T) {
	made := newTable(cluster(ingressFor("a", "other", rule("web.example.org", "/", "web", networking.PathTypePrefix))))
	if found := made.find("web.example.org", "/"); found != nil {
		t.Fatalf("found %+v", found)
	}
}

func TestAPrefixMatchesWholeElementsOfAPath(t *testing.T) {
	made := newTable(cluster(ingressFor("a", "local", rule("web.example.org", "/shop", "web", networking.PathTypePrefix))))
	for path, wanted := range map[string]bool{"/shop": true, "/shop/": true, "/shop/cart": true, "/shopping": false, "/": false} {
		if got := made.find("web.example.org", path) != nil; got != wanted {
			t.Errorf("%s: %v", path, got)
		}
	}
}

func TestTheMostSpecificRouteWins(t *testing.T) {
	made := newTable(cluster(ingressFor("a", "local",
		rule("", "/", "none", networking.PathTypePrefix),
		rule("*.example.org", "/deep/path", "none", networking.PathTypePrefix),
		rule("web.example.org", "/", "none", networking.PathTypePrefix),
		rule("web.example.org", "/cart", "none", networking.PathTypePrefix),
		rule("web.example.org", "/cart", "web", networking.PathTypeExact),
	)))
	for request, wanted := range map[[2]string]route{
		{"web.example.org", "/cart"}:      {host: "web.example.org", path: "/cart", exact: true},
		{"web.example.org", "/cart/1"}:    {host: "web.example.org", path: "/cart"},
		{"web.example.org", "/deep/path"}: {host: "web.example.org", path: "/"},
		{"api.example.org", "/deep/path"}: {host: "*.example.org", path: "/deep/path"},
		{"a.b.example.org", "/deep/path"}: {path: "/"},
		{"elsewhere.org", "/"}:            {path: "/"},
	} {
		found := made.find(request[0], request[1])
		if found == nil || found.host != wanted.host || found.path != wanted.path || found.exact != wanted.exact {
			t.Errorf("%v found %+v", request, found)
		}
	}
}

func TestAnEndpointThatIsNotReadyGetsNoRequests(t *testing.T) {
	all := cluster(ingressFor("a", "local", rule("web.example.org", "/", "web", networking.PathTypePrefix)))
	all.slices = append(all.slices, slice("web", endpoint("10.0.0.2", false, true), endpoint("10.0.0.3", false, false)))
	found := newTable(all).find("web.example.org", "/")
	if !slices.Equal(found.endpoints, []string{"10.0.0.1:8080"}) {
		t.Fatalf("found %v", found.endpoints)
	}
}

func TestEndpointsThatEndButServeAreBetterThanNone(t *testing.T) {
	all := cluster(ingressFor("a", "local", rule("web.example.org", "/", "web", networking.PathTypePrefix)))
	all.slices = []*discovery.EndpointSlice{slice("web", endpoint("10.0.0.2", false, true), endpoint("10.0.0.3", false, false))}
	found := newTable(all).find("web.example.org", "/")
	if !slices.Equal(found.endpoints, []string{"10.0.0.2:8080"}) {
		t.Fatalf("found %v", found.endpoints)
	}
}

func TestTheSecretOfAHostIsFoundByNameAndByWildcard(t *testing.T) {
	shop := ingressFor("a", "local")
	shop.Spec.TLS = []networking.IngressTLS{{Hosts: []string{"web.example.org"}, SecretName: "one"}, {Hosts: []string{"*.example.org"}, SecretName: "all"}}
	made := newTable(cluster(shop))
	for host, wanted := range map[string]string{"web.example.org": "one", "api.example.org": "all"} {
		if found, _ := made.secretOf(host); found != (secretName{"shop", wanted}) {
			t.Errorf("%s found %v", host, found)
		}
	}
	if _, found := made.secretOf("example.org"); found {
		t.Error("a wildcard does not stand for the domain itself")
	}
}
