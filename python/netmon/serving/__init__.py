"""Serving HTTP: bytes of a request become a `Request`, a handler makes a `Response` of it, and that becomes bytes.

    messages   requests and responses, and how they are read and written (pure)
    trust      which names and which pages a request may come from (pure)
    feed       a stream whose readers get the newest state, and no queue
    server     the sockets: the only module that waits, and the only one that knows asyncio
    servers    one server for each address, shared by what is served there

A handler knows no socket and no thread. It answers GET and HEAD; everything else has been refused before.
"""
