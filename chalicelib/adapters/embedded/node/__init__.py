"""The node: a process of its own that runs the embedded cluster's pods and routes HTTP to them, as a Kubernetes node would.

cluster.db <- cluster.py writes what is wanted, the node writes what became of it
    |
supervisor -- plan ------- which pods to start and stop (pure)
    |------- pods -------- one actor a pod: prepare, spawn, probe, restart, end
    |------- launcher ---- a small parent of each process; it outlives the node and keeps the exit code
    `------- router ------ HTTP by host name to the pods that are ready
"""
