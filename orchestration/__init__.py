"""When, with what, and how it starts: settings, resources, jobs, schedules, sensors, the command line.

The only package that may know all the others. Add here what wires things together; what exists belongs to
``assets``, what is sent and received to ``senders``.
"""
