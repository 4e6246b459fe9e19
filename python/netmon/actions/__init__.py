"""What alerts do outside of netmon: run a command, post a message. Alerts go in, failures are told and counted.

    spec         the table of a rule's settings for actions, what is allowed, and the limits
    facts        an alert as facts: environment variables, JSON, one sentence
    address      a URL as parts: where to connect, what may be shown of it, which redirects are followed
    credentials  the files that a rule names: the key of its signatures, certificates to trust
    messages     alerts as bodies of messages: Alertmanager's webhook, Alertmanager's API, plain JSON
    delivery     what a response means, when to try again, the signature
    command      runs a program, bounded in time and output
    webhook      posts a message, bounded in time and size
    lane         the alerts of one rule that wait for one action; knows no thread and no clock
    agenda       which lane is due next
    crew         the threads for one kind of action
    runner       `Actions`: takes alerts, tells what happens

Nothing here delays the caller: `Actions.take` puts alerts into bounded queues and returns.
"""
