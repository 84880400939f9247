"""Looks at an installation as an operator would: what is set, what answers, what Ancla may do there, and how to mend what is not right.

settings ─► examinations, one an engine ─► findings, a line each ─► report
            at the same time, each for 10 s

Nothing is changed that anybody else uses: engines are read, writes are asked for as dry runs or for what does not exist, and the two
jobs that try BuildKit and envconsul are removed again.
"""
