package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cert-manager/cert-manager/pkg/controller/configfile"
)

// configured reads a configuration file of the original's form, with these lines in it.
func configured(t *testing.T, lines string) (string, *configfile.ControllerConfigFile) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	text := "apiVersion: controller.config.cert-manager.io/v1alpha1\nkind: ControllerConfiguration\n" + lines
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	file := configfile.New()
	if err := load(path, file); err != nil {
		t.Fatal(err)
	}
	return path, file
}

func TestWhatTheFileSaysIsWhatTheControllersGet(t *testing.T) {
	_, file := configured(t, `
enableCertificateOwnerRef: true
clusterResourceNamespace: here
acmeHTTP01Config:
  solverImage: localhost/solver:1
  solverNameservers: ["10.0.0.1:53"]
  solverResourceRequestCPU: 1m
  solverResourceRequestMemory: 2Mi
  solverResourceLimitsCPU: 3m
  solverResourceLimitsMemory: 4Mi
`)
	made, err := controllerOptions(file.Config)
	if err != nil {
		t.Fatal(err)
	}
	found := []string{
		made.HTTP01SolverImage, made.HTTP01SolverNameservers[0], made.ClusterResourceNamespace,
		made.HTTP01SolverResourceRequestCPU.String(), made.HTTP01SolverResourceRequestMemory.String(),
		made.HTTP01SolverResourceLimitsCPU.String(), made.HTTP01SolverResourceLimitsMemory.String(),
	}
	if wanted := "localhost/solver:1 10.0.0.1:53 here 1m 2Mi 3m 4Mi"; strings.Join(found, " ") != wanted {
		t.Errorf("%q, not %q", found, wanted)
	}
	if !made.EnableOwnerRef || !made.ACMEHTTP01SolverRunAsNonRoot || made.MaxConcurrentChallenges == 0 {
		t.Errorf("%+v", made)
	}
}

func TestAQuantityThatIsNoneIsNamed(t *testing.T) {
	_, file := configured(t, "acmeHTTP01Config: {solverResourceLimitsCPU: much}\n")
	if _, err := controllerOptions(file.Config); err == nil || !strings.Contains(err.Error(), `"much"`) {
		t.Errorf("%v", err)
	}
}

func TestItDoesNotRunWhereALeaderIsToBeChosen(t *testing.T) {
	path, _ := configured(t, "")
	if err := runController(context.Background(), path); err == nil || !strings.Contains(err.Error(), "leaderElectionConfig.enabled") {
		t.Errorf("%v", err)
	}
}
