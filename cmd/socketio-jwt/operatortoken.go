package main

import (
	"errors"
	"fmt"
	"time"
)

// operatorTokenCommand prints a token of an operator.
type operatorTokenCommand struct {
	operatorSecret
	Sub     string        `placeholder:"NAME" default:"operator" help:"Name of the operator, for the log of the server. Default: ${default}."`
	Publish bool          `help:"A token for a backend that publishes: it can emit events and change rooms, and nothing else."`
	Life    time.Duration `placeholder:"1h" default:"1h" help:"How long the token is valid. Default: ${default}."`
}

// Help is shown by --help.
func (operatorTokenCommand) Help() string {
	return `Prints a token for the page that serve --admin opens, or for SOCKETIO_JWT_ADMIN_TOKEN. Anyone who obtains it can disconnect and block users until it expires.

Examples:

    export SOCKETIO_JWT_ADMIN_SECRET=...
    socketio-jwt operator-token --sub "$USER" --life 15m
    socketio-jwt operator-token --publish --sub billing --life 1h`
}

// Run prints the token and nothing else on standard output.
func (c *operatorTokenCommand) Run(t terminal) error {
	secret, given, err := c.secret()
	switch {
	case err != nil:
		return err
	case !given:
		return errors.New("no secret of operators: set SOCKETIO_JWT_ADMIN_SECRET to that of the server, or --admin-secret-file")
	case c.Life < time.Second:
		return errors.New("--life must be at least 1s")
	}
	scope := operatorScope
	if c.Publish {
		scope = publishScope
	}
	compact, err := signOperator(secret, c.Sub, c.Life, scope)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(t.out, compact)
	return err
}
