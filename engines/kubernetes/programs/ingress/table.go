package ingress

import (
	"net"
	"slices"
	"strconv"
	"strings"

	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	networking "k8s.io/api/networking/v1"
)

// Controller is the name by which IngressClasses choose this controller.
const Controller = "ancla.dev/engines-ingress"

// objects are all that a table is made of.
type objects struct {
	classes   []*networking.IngressClass
	ingresses []*networking.Ingress
	services  []*core.Service
	slices    []*discovery.EndpointSlice
}

// table says where a request goes. It is never changed: each change of an object makes a new one.
type table struct {
	routes  []route // in the order in which they are tried
	secrets map[string]secretName
}

type route struct {
	host      string // "" for any, "*.example.org" for one label before it
	path      string
	exact     bool
	endpoints []string // host:port; empty while none is ready
}

type secretName struct{ namespace, name string }

// newTable works out the routes of the Ingresses whose class is this controller's.
func newTable(all objects) *table {
	made := &table{secrets: map[string]secretName{}}
	ours := ownClasses(all.classes)
	for _, ingress := range all.ingresses {
		if !ours[className(ingress)] {
			continue
		}
		made.routes = append(made.routes, ingressRoutes(ingress, all)...)
		for _, tls := range ingress.Spec.TLS {
			for _, host := range tls.Hosts {
				made.secrets[host] = secretName{ingress.Namespace, tls.SecretName}
			}
		}
	}
	slices.SortStableFunc(made.routes, byPrecedence)
	return made
}

// find gives the first route for a request; nil if there is none.
func (t *table) find(host, path string) *route {
	host = strings.ToLower(withoutPort(host))
	for i := range t.routes {
		if r := &t.routes[i]; r.matchesHost(host) && r.matchesPath(path) {
			return r
		}
	}
	return nil
}

func (t *table) secretOf(host string) (secretName, bool) {
	host = strings.ToLower(host)
	if found, ok := t.secrets[host]; ok {
		return found, true
	}
	_, parent, _ := strings.Cut(host, ".")
	found, ok := t.secrets["*."+parent]
	return found, ok
}

func (r *route) matchesHost(host string) bool {
	if parent, wild := strings.CutPrefix(r.host, "*."); wild {
		_, rest, found := strings.Cut(host, ".")
		return found && rest == parent
	}
	return r.host == "" || r.host == host
}

// A prefix matches whole elements: /a matches /a and /a/b, but not /ab.
func (r *route) matchesPath(path string) bool {
	if r.exact {
		return path == r.path
	}
	prefix := strings.TrimSuffix(r.path, "/")
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

// A named host is tried before a wildcard, that before none; then the longest path, and of two equal ones the exact one.
func byPrecedence(a, b route) int {
	rank := func(r route) int {
		switch {
		case r.host == "":
			return 2
		case strings.HasPrefix(r.host, "*."):
			return 1
		}
		return 0
	}
	if order := rank(a) - rank(b); order != 0 {
		return order
	}
	if order := len(b.path) - len(a.path); order != 0 {
		return order
	}
	if a.exact != b.exact {
		return map[bool]int{true: -1, false: 1}[a.exact]
	}
	return 0
}

func ownClasses(classes []*networking.IngressClass) map[string]bool {
	ours := map[string]bool{}
	for _, class := range classes {
		if class.Spec.Controller == Controller {
			ours[class.Name] = true
		}
	}
	return ours
}

func className(ingress *networking.Ingress) string {
	if ingress.Spec.IngressClassName == nil {
		return ""
	}
	return *ingress.Spec.IngressClassName
}

func ingressRoutes(ingress *networking.Ingress, all objects) []route {
	var routes []route
	for _, rule := range ingress.Spec.Rules {
		if rule.HTTP == nil {
			continue
		}
		for _, path := range rule.HTTP.Paths {
			routes = append(routes, route{
				host:      strings.ToLower(rule.Host),
				path:      path.Path,
				exact:     path.PathType != nil && *path.PathType == networking.PathTypeExact,
				endpoints: all.endpointsOf(ingress.Namespace, path.Backend.Service),
			})
		}
	}
	if backend := ingress.Spec.DefaultBackend; backend != nil {
		routes = append(routes, route{path: "/", endpoints: all.endpointsOf(ingress.Namespace, backend.Service)})
	}
	return routes
}

// endpointsOf gives the addresses of the ready endpoints of a service's port. Where none is ready, those that end but still serve are
// better than none.
func (all objects) endpointsOf(namespace string, backend *networking.IngressServiceBackend) []string {
	if backend == nil {
		return nil
	}
	port, found := all.portName(namespace, backend)
	if !found {
		return nil
	}
	var ready, serving []string
	for _, slice := range all.slices {
		if slice.Namespace != namespace || slice.Labels[discovery.LabelServiceName] != backend.Name {
			continue
		}
		for _, number := range portNumbers(slice, port) {
			for _, endpoint := range slice.Endpoints {
				address := net.JoinHostPort(endpoint.Addresses[0], strconv.Itoa(int(number)))
				switch {
				case endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready:
					ready = append(ready, address)
				case endpoint.Conditions.Serving != nil && *endpoint.Conditions.Serving:
					serving = append(serving, address)
				}
			}
		}
	}
	if len(ready) > 0 {
		return ready
	}
	return serving
}

// portName gives the name of the service's port that the backend asks for by name or number; endpoint slices know ports by name.
func (all objects) portName(namespace string, backend *networking.IngressServiceBackend) (string, bool) {
	for _, service := range all.services {
		if service.Namespace != namespace || service.Name != backend.Name {
			continue
		}
		for _, port := range service.Spec.Ports {
			if backend.Port.Number == port.Port || (backend.Port.Name != "" && backend.Port.Name == port.Name) {
				return port.Name, true
			}
		}
	}
	return "", false
}

func portNumbers(slice *discovery.EndpointSlice, name string) []int32 {
	var numbers []int32
	for _, port := range slice.Ports {
		if port.Port != nil && (port.Name == nil || *port.Name == name) {
			numbers = append(numbers, *port.Port)
		}
	}
	return numbers
}

func withoutPort(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}
