package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/hashicorp/consul-template/config"
	"github.com/hashicorp/consul-template/signals"
	"github.com/mitchellh/mapstructure"
)

// Config is what the file named by -config says. What its sections mean is for consul-template's own types to say.
type Config struct {
	Vault  *config.VaultConfig `mapstructure:"vault"`
	Exec   *config.ExecConfig  `mapstructure:"exec"`
	Secret []Secret            `mapstructure:"secret"`
}

// Secret is one entry of Vault whose values become variables.
type Secret struct {
	Path     string `mapstructure:"path"`
	NoPrefix bool   `mapstructure:"no_prefix"`
}

// readConfig reads a configuration in JSON, with the library's defaults for what it leaves out.
func readConfig(path string) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	parsed, err := parseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return parsed, nil
}

// parseConfig refuses a key that it does not know: this program knows fewer than the original does.
func parseConfig(text []byte) (*Config, error) {
	var values map[string]any
	if err := json.Unmarshal(text, &values); err != nil {
		return nil, err
	}
	parsed := &Config{Vault: config.DefaultVaultConfig(), Exec: config.DefaultExecConfig()}
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		DecodeHook: mapstructure.ComposeDecodeHookFunc(
			signals.StringToSignalFunc(),
			mapstructure.StringToTimeDurationHookFunc(),
		),
		ErrorUnused: true,
		Result:      parsed,
	})
	if err != nil {
		return nil, err
	}
	if err := decoder.Decode(values); err != nil {
		return nil, err
	}
	parsed.Vault.Finalize()
	parsed.Exec.Finalize()
	return parsed, parsed.check()
}

func (c *Config) check() error {
	if c.Exec.Command.Empty() {
		return errors.New("exec.command is empty: name the program to run")
	}
	if len(c.Secret) == 0 {
		return errors.New("no secret is named: run the command without envconsul (the original would wait for one without end)")
	}
	for _, secret := range c.Secret {
		if !secret.NoPrefix {
			return fmt.Errorf("secret %q: set no_prefix: variables named after the path are not made here", secret.Path)
		}
	}
	return nil
}
