"""Talks to a KFP server, through the SDK's client made safe.

`server` connects and asks; `transport` is the guarded client, `faults` makes one line
of whatever went wrong, `credentials` lets requests in, `signin` chooses which, `dex` signs
in with a password, `diagnosis` looks for `make doctor`. What people do there is on top
of it: `runs`, `pipelines`, and `waiting`, which follows a run (`following`), tells of its
steps (`tasks`) and why one failed (`failures`).
"""
