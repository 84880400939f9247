package main

import (
	"fmt"

	"github.com/hashicorp/consul-template/config"
	"github.com/hashicorp/consul-template/dependency"
	"github.com/hashicorp/consul-template/watch"
)

// logIn makes a client of Vault that holds a token, by the pod's service account where the configuration names a role. The token is
// noted in `vault`, which is where the library looks for what it has to renew.
func logIn(vault *config.VaultConfig) (*dependency.ClientSet, error) {
	clients := dependency.NewClientSet()
	err := clients.CreateVaultClient(&dependency.CreateVaultClientInput{
		Address:                      config.StringVal(vault.Address),
		Namespace:                    config.StringVal(vault.Namespace),
		Token:                        config.StringVal(vault.Token),
		UnwrapToken:                  config.BoolVal(vault.UnwrapToken),
		SSLEnabled:                   config.BoolVal(vault.SSL.Enabled),
		SSLVerify:                    config.BoolVal(vault.SSL.Verify),
		SSLCert:                      config.StringVal(vault.SSL.Cert),
		SSLKey:                       config.StringVal(vault.SSL.Key),
		SSLCACert:                    config.StringVal(vault.SSL.CaCert),
		SSLCACertBytes:               config.StringVal(vault.SSL.CaCertBytes),
		SSLCAPath:                    config.StringVal(vault.SSL.CaPath),
		ServerName:                   config.StringVal(vault.SSL.ServerName),
		K8SAuthRoleName:              config.StringVal(vault.K8SAuthRoleName),
		K8SServiceAccountTokenPath:   config.StringVal(vault.K8SServiceAccountTokenPath),
		K8SServiceAccountToken:       config.StringVal(vault.K8SServiceAccountToken),
		K8SServiceMountPath:          config.StringVal(vault.K8SServiceMountPath),
		TransportDialKeepAlive:       config.TimeDurationVal(vault.Transport.DialKeepAlive),
		TransportDialTimeout:         config.TimeDurationVal(vault.Transport.DialTimeout),
		TransportMaxIdleConns:        config.IntVal(vault.Transport.MaxIdleConns),
		TransportMaxIdleConnsPerHost: config.IntVal(vault.Transport.MaxIdleConnsPerHost),
		TransportTLSHandshakeTimeout: config.TimeDurationVal(vault.Transport.TLSHandshakeTimeout),
	})
	if err != nil {
		return nil, err
	}
	vault.Token = config.String(clients.Vault().Token())
	return clients, nil
}

// watchSecrets reads each secret, and goes on reading it: what it finds, and what goes wrong, comes through the watcher's channels.
func watchSecrets(clients *dependency.ClientSet, c *Config) (*watch.Watcher, error) {
	watcher := watch.NewWatcher(&watch.NewWatcherInput{
		Clients:        clients,
		RetryFuncVault: watch.RetryFunc(c.Vault.Retry.RetryFunc()),
	})
	// The library's own program does this; without it, the library asks for what has no lease again and again, without a pause.
	dependency.SetVaultDefaultLeaseDuration(config.TimeDurationVal(c.Vault.DefaultLeaseDuration))
	dependency.SetVaultLeaseRenewalThreshold(*c.Vault.LeaseRenewalThreshold)
	for _, secret := range c.Secret {
		query, err := dependency.NewVaultReadQuery(secret.Path)
		if err != nil {
			return nil, fmt.Errorf("secret %q: %w", secret.Path, err)
		}
		if _, err := watcher.Add(query); err != nil {
			return nil, err
		}
	}
	return watcher, nil
}
