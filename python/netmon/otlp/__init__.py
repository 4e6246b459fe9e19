"""Sending metrics to an OpenTelemetry collector, as OTLP over HTTP with protobuf.

    target     where and how to send, from the settings and the variables that OpenTelemetry defines (pure)
    answer     what a collector's answer means (pure)
    exports    what is sent next, and when: the newest sums, or with delta all that was not taken yet (pure)
    exporter   the thread that sends; the only module that waits

The body is encoded by the core, and posted by `netmon.actions.webhook`.
"""
