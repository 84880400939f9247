package netpol

import (
	"testing"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func pod(address string, phase core.PodPhase, labels map[string]string) *core.Pod {
	return &core.Pod{ObjectMeta: meta.ObjectMeta{Labels: labels}, Status: core.PodStatus{PodIP: address, Phase: phase}}
}

func TestRulesAreWrittenForWhatMattersToThemAlone(t *testing.T) {
	was := pod("10.0.0.1", core.PodRunning, map[string]string{"a": "b"})
	ready := was.DeepCopy()
	ready.Status.Conditions = []core.PodCondition{{Type: core.PodReady, Status: core.ConditionTrue}}
	for name, case_ := range map[string]struct {
		after *core.Pod
		want  bool
	}{
		"ready":   {ready, false},
		"address": {pod("10.0.0.2", core.PodRunning, was.Labels), true},
		"over":    {pod("10.0.0.1", core.PodSucceeded, was.Labels), true},
		"labels":  {pod("10.0.0.1", core.PodRunning, map[string]string{"a": "c"}), true},
	} {
		changed := make(chan struct{}, 1)
		noticing(changed).OnUpdate(was, case_.after)
		if got := len(changed) == 1; got != case_.want {
			t.Errorf("%s: noticed is %v", name, got)
		}
	}
}

func TestAPodWithoutAnAddressIsNotWorthALook(t *testing.T) {
	changed := make(chan struct{}, 1)
	noticing(changed).OnAdd(pod("", core.PodPending, nil), false)
	if len(changed) != 0 {
		t.Error("noticed")
	}
	noticing(changed).OnAdd(pod("10.0.0.1", core.PodRunning, nil), false)
	noticing(changed).OnDelete(pod("10.0.0.1", core.PodRunning, nil))
	if len(changed) != 1 {
		t.Error("two changes ask for one look, not", len(changed))
	}
}
