package ingress

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// certificates reads the secret at each handshake: so it needs no right to watch all secrets, and a renewed one counts at once.
type certificates struct {
	client    kubernetes.Interface
	current   func() *table
	byDefault secretName // the zero value: there is none
}

// forHandshake gives the certificate of the Ingress that has the host; the default one where none names a secret, or where that is
// not there (yet).
func (c *certificates) forHandshake(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	for _, name := range c.candidates(hello.ServerName) {
		secret, err := c.client.CoreV1().Secrets(name.namespace).Get(hello.Context(), name.name, meta.GetOptions{})
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair(secret.Data[core.TLSCertKey], secret.Data[core.TLSPrivateKeyKey])
		return &pair, err
	}
	return nil, fmt.Errorf("there is no certificate for %q", hello.ServerName)
}

func (c *certificates) candidates(host string) []secretName {
	var names []secretName
	if named, found := c.current().secretOf(host); found && named.name != "" {
		names = append(names, named)
	}
	if c.byDefault != (secretName{}) {
		names = append(names, c.byDefault)
	}
	return names
}

// parseSecretName reads namespace/name; "" gives the zero value.
func parseSecretName(text string) (secretName, error) {
	namespace, name, _ := strings.Cut(text, "/")
	if text != "" && (namespace == "" || name == "") {
		return secretName{}, errors.New("a secret is named as namespace/name")
	}
	return secretName{namespace, name}, nil
}
