"""Hard examples, kept on a device for a person's label: only what the registry's consent for it and the task allows.

answer ──> Capture.offer ──chosen──> queue ──a thread──> content (faces blurred) ──> Ring (sealed, on the disk)
                │                                                                       │
                └──held in memory──feedback says wrong──> queue        Sender ──oldest first──> registry

chooser   which inputs are worth it
answered  an input with what was said of it; those that wait for feedback
tail      what of a stream an answer is about
content   the bytes that are kept of an input
blur      faces made unrecognisable
ring      sealed files with a quota
sender    a thread that asks for consents, and uploads
capture   all of it together

Nothing here is imported by a server without a registry. docs/examples.md says what people see of it.
"""
