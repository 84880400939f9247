"""The builder port over BuildKit: one Kubernetes Job a build.

builder.py     start, watch, cancel
plans.py       what is known before a build runs: its processes, or why it cannot be built
credentials.py what a build may open: the registry, the repository
notes.py       what the Job carries beside its spec: annotations, written by one call and read by another
sights.py      pure: from Job and pod to how far the build is
failures.py    pure: from the log of a failed build to a code, a message and a hint
logs.py        the log as it grows
masks.py       pure: what has to be hidden in it
"""
