"""Talks to a KFP server, through the SDK's client made safe.

`server` connects and asks; `transport` is the guarded client, within the `limits` of time and
size, `faults` makes one line of whatever went wrong, `credentials` lets requests in, `signin`
chooses which, `dex` signs in with a password. What people do there is on top of it: `runs`,
`pipelines`, `scheduling`, and `waiting`, which follows a run (`following`), tells of its steps
(`tasks`) and why one failed (`failures`).
"""
