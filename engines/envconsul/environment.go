package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/consul-template/dependency"
)

// variablesOf takes the values out of an entry of Vault, whichever version of the key-value engine holds it.
func variablesOf(secret *dependency.Secret) map[string]string {
	data := secret.Data
	if inner, ok := data["data"].(map[string]any); ok {
		if _, ok := data["metadata"].(map[string]any); ok {
			data = inner
		}
	}
	variables := make(map[string]string, len(data))
	for name, value := range data {
		if strings.TrimSpace(name) != "" {
			variables[name] = fmt.Sprint(value)
		}
	}
	return variables
}

// merged is `inherited` (NAME=value each) with the variables of the layers put over it, a later layer over an earlier one.
func merged(inherited []string, layers ...map[string]string) []string {
	values := make(map[string]string, len(inherited))
	for _, line := range inherited {
		name, value, _ := strings.Cut(line, "=")
		values[name] = value
	}
	for _, layer := range layers {
		maps.Copy(values, layer)
	}
	environment := make([]string, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		environment = append(environment, name+"="+values[name])
	}
	return environment
}
