package ingress

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
)

// tlsSecret holds a certificate for the host, signed by its own key.
func tlsSecret(t *testing.T, namespace, name, host string) *core.Secret {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{host}, NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &core.Secret{
		ObjectMeta: meta.ObjectMeta{Namespace: namespace, Name: name},
		Data: map[string][]byte{
			core.TLSCertKey:       pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
			core.TLSPrivateKeyKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}),
		},
	}
}

// shown says for which host the certificate is that a client gets who asks for this one; "" if the handshake fails.
func shown(t *testing.T, c *certificates, host string) string {
	t.Helper()
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	go func() { _ = tls.Server(there, &tls.Config{GetCertificate: c.forHandshake}).Handshake() }()
	client := tls.Client(here, &tls.Config{ServerName: host, InsecureSkipVerify: true})
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if client.HandshakeContext(ctx) != nil {
		return ""
	}
	return client.ConnectionState().PeerCertificates[0].DNSNames[0]
}

func withTLS(tls ...networking.IngressTLS) func() *table {
	shop := ingressFor("shop", "local", rule("web.example.org", "/", "web", networking.PathTypePrefix))
	shop.Spec.TLS = tls
	made := newTable(cluster(shop))
	return func() *table { return made }
}

func TestTheDefaultCertificateStandsInForThoseThatAreNotNamedOrNotThere(t *testing.T) {
	own := tlsSecret(t, "shop", "own", "web.example.org")
	wildcard := tlsSecret(t, "system", "wildcard", "*.example.org")
	web := []string{"web.example.org"}
	named, unnamed := networking.IngressTLS{Hosts: web, SecretName: "own"}, networking.IngressTLS{Hosts: web}
	for title, c := range map[string]struct {
		held      []runtime.Object
		tls       []networking.IngressTLS
		byDefault secretName
		wanted    string
	}{
		"its own comes first":              {[]runtime.Object{own, wildcard}, []networking.IngressTLS{named}, secretName{"system", "wildcard"}, "web.example.org"},
		"its own is not there yet":         {[]runtime.Object{wildcard}, []networking.IngressTLS{named}, secretName{"system", "wildcard"}, "*.example.org"},
		"no secret is named":               {[]runtime.Object{wildcard}, []networking.IngressTLS{unnamed}, secretName{"system", "wildcard"}, "*.example.org"},
		"no ingress speaks of it":          {[]runtime.Object{wildcard}, nil, secretName{"system", "wildcard"}, "*.example.org"},
		"the default is not there":         {nil, []networking.IngressTLS{named}, secretName{"system", "wildcard"}, ""},
		"nothing, and there is no default": {[]runtime.Object{wildcard}, []networking.IngressTLS{named}, secretName{}, ""},
	} {
		t.Run(title, func(t *testing.T) {
			found := shown(t, &certificates{fake.NewClientset(c.held...), withTLS(c.tls...), c.byDefault}, "web.example.org")
			if found != c.wanted {
				t.Errorf("%q was shown, not %q", found, c.wanted)
			}
		})
	}
}

func TestARenewedCertificateCountsAtOnce(t *testing.T) {
	client := fake.NewClientset(tlsSecret(t, "shop", "own", "old.example.org"))
	c := &certificates{client, withTLS(networking.IngressTLS{Hosts: []string{"web.example.org"}, SecretName: "own"}), secretName{}}
	if found := shown(t, c, "web.example.org"); found != "old.example.org" {
		t.Fatalf("%q was shown", found)
	}
	renewed := tlsSecret(t, "shop", "own", "new.example.org")
	if _, err := client.CoreV1().Secrets("shop").Update(context.Background(), renewed, meta.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if found := shown(t, c, "web.example.org"); found != "new.example.org" {
		t.Errorf("%q was shown", found)
	}
}

func TestASecretIsNamedWithItsNamespace(t *testing.T) {
	if found, err := parseSecretName("system/wildcard"); err != nil || found != (secretName{"system", "wildcard"}) {
		t.Errorf("%v %v", found, err)
	}
	if found, err := parseSecretName(""); err != nil || found != (secretName{}) {
		t.Errorf("%v %v", found, err)
	}
	for _, text := range []string{"wildcard", "/wildcard", "system/"} {
		if _, err := parseSecretName(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
