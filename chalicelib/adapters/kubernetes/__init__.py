"""The cluster port over a Kubernetes API server (`cluster.py`).

api.py        requests and streams; login.py: who is asked, as whom; refusals.py: what a refusal means
kinds.py      where each kind's objects lie
writes.py     fenced writes
watching.py   one picture of several kinds, kept fresh by watches
rollouts.py   pure: from Deployments and pods to the status of a process type
pods.py       pure: from a pod and its events to what it has to tell
one_offs.py   the pod of a release command
"""
