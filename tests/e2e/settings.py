"""The ways of setting ext_proc up that the mesh has a listener for, and the policy that it runs under."""

from tests.e2e.mesh import Setting

FULL = "FULL_DUPLEX_STREAMED"

# Both bodies are seen in time: verdicts are carried out.
ENFORCING = {
    "buffered": Setting("BUFFERED", "BUFFERED"),
    "buffered-plain": Setting("BUFFERED", "BUFFERED", override=False),
    "duplex": Setting(FULL, FULL, override=False),
    "duplex-override": Setting(FULL, FULL),
    "streamed-answers": Setting("BUFFERED", "STREAMED", override=False),
    "duplex-answers": Setting("BUFFERED", FULL, override=False),
    "none": Setting("NONE", "NONE"),
    "partial": Setting("BUFFERED_PARTIAL", "BUFFERED_PARTIAL"),
    "streamed": Setting("STREAMED", "STREAMED"),
}

# A block would come too late: refused before the body is sent.
UNSAFE = {
    "unsafe-none": Setting("NONE", "BUFFERED", override=False),
    "unsafe-partial": Setting("BUFFERED_PARTIAL", "BUFFERED", override=False),
    "unsafe-partial-answer": Setting("BUFFERED", "BUFFERED_PARTIAL", override=False),
    "unsafe-streamed": Setting("STREAMED", "BUFFERED", override=False),
}

# Nothing is changed, everything is reported.
WATCHING = {
    "observe": Setting("STREAMED", "STREAMED", observability_mode=True),
    "shadow-buffered": Setting("BUFFERED", "BUFFERED", metadata=[("x-sidecar-application", "shadow")]),
    "shadow-duplex": Setting(FULL, FULL, metadata=[("x-sidecar-application", "shadow")]),
    "shadow-streamed": Setting("STREAMED", "STREAMED", override=False, metadata=[("x-sidecar-application", "shadow")]),
}

# For single tricks.
ODD = {
    "retrying": Setting("BUFFERED", "BUFFERED", route={"retry_policy": {"retry_on": "5xx", "num_retries": 2}}),
    "retrying-duplex": Setting(FULL, FULL, route={"retry_policy": {"retry_on": "5xx", "num_retries": 2}}),
    "late-override": Setting("NONE", "NONE", override=False, metadata=[("x-sidecar-override", "allowed")]),
    "mute": Setting("BUFFERED", "BUFFERED", disable_immediate_response=True),
    "allow-failure": Setting("BUFFERED", "BUFFERED", failure_mode_allow=True),
    "hurried": Setting("BUFFERED", "BUFFERED", metadata=[("x-sidecar-deadline", "0.001")]),
    "request-only": Setting("BUFFERED", "NONE", override=False),
    "strict-attribute": Setting(
        "BUFFERED",
        "BUFFERED",
        metadata=[("x-sidecar-application", "attribute:request.host")],
        request_attributes=["request.host"],
    ),
    "strict-application": Setting("BUFFERED", "BUFFERED", metadata=[("x-sidecar-application", "strict")]),
}

SETTINGS = ENFORCING | UNSAFE | WATCHING | ODD

# Secrets are masked, and under /strict blocked, so that each verdict exists in each direction.
POLICY = """
schema: 1
name: mesh
families:
  injection: {action: rule}
  secret: {action: mask}
overrides:
  - {route: "/strict/*", families: {secret: {action: block}}}
  - {application: strict, families: {secret: {action: block}}}
  - {application: shadow, enforcement: shadow}
limits: {body_bytes: 1048576}
"""
