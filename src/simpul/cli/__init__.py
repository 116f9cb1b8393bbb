"""A person at a terminal: parse, call one service, render.

`main` holds the table of commands and turns errors into exits; `frame` the classes and options that all commands
share; `output` what goes to standard output and what to standard error. One further file per group of commands.
"""
