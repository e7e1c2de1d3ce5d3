package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"socketiojwt/internal/display"
)

// revokeCommand revokes tokens.
type revokeCommand struct {
	operatorClient
	selection
	WholeIssuer bool          `help:"Revoke all tokens of --issuer."`
	For         time.Duration `placeholder:"24h" help:"How long the tokens are refused. Default: until the last one that can be concerned has ended."`
	Reason      string        `placeholder:"TEXT" help:"For the log and the list of revocations; clients do not get it."`
}

// Help is shown by --help.
func (revokeCommand) Help() string {
	return `Revokes tokens: their sockets end at once on all nodes of the server, and the tokens are refused from then on. A user who logs in afterwards gets in again; block keeps a user out.

Examples:

    socketio-jwt revoke --issuer https://issuer.example --subject ada
    socketio-jwt revoke --issuer https://issuer.example --session 5f2c
    socketio-jwt revoke --hash 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae`
}

// Run revokes the tokens.
func (c *revokeCommand) Run(ctx context.Context, t terminal) error {
	body := map[string]any{}
	for name, value := range map[string]string{
		"gate": c.Gate, "subject": c.Subject, "tokenId": c.TokenID, "sessionId": c.Session, "tokenHash": c.Hash, "reason": c.Reason,
	} {
		if value != "" {
			body[name] = value
		}
	}
	if c.Issuer == nil && c.Hash == "" {
		return errors.New("--issuer is needed, which may be empty for tokens without iss")
	}
	if c.Issuer != nil {
		body["issuer"] = *c.Issuer
	}
	if c.WholeIssuer {
		body["wholeIssuer"] = true
	}
	if err := c.limit(body, c.For); err != nil {
		return err
	}
	return c.change(ctx, t, "/revocations", body, "revoked")
}

// limit sets the end of an entry.
func (c *operatorClient) limit(body map[string]any, d time.Duration) error {
	if d < 0 {
		return errors.New("--for must be positive")
	}
	if d > 0 {
		body["until"] = time.Now().Add(d).UTC()
	}
	return nil
}

// change changes a denylist and prints how many sockets ended.
func (c *operatorClient) change(ctx context.Context, t terminal, path string, body map[string]any, done string) error {
	var ended endedResult
	if err := c.call(ctx, t, http.MethodPost, path, nil, body, &ended); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(t.out, ended)
	}
	_, err := fmt.Fprintf(t.out, "%s; %s\n", done, display.Printable(ended.String()))
	return err
}

// endedResult is what the nodes have done.
type endedResult struct {
	Sockets   int `json:"sockets"` // of the node that was asked
	Confirmed []struct {
		Node    string `json:"node"`
		Sockets int    `json:"sockets"`
	} `json:"confirmed,omitzero"`
	Missing []string `json:"missing,omitzero"`
}

// String says how many sockets ended, and on which nodes it is not known yet.
func (e endedResult) String() string {
	if len(e.Confirmed)+len(e.Missing) == 0 {
		return plural(e.Sockets, "socket") + " of this node ended"
	}
	sum := e.Sockets
	for _, c := range e.Confirmed {
		sum += c.Sockets
	}
	text := fmt.Sprintf("%s of %s ended", plural(sum, "socket"), plural(1+len(e.Confirmed), "node"))
	if len(e.Missing) > 0 {
		text += "; not confirmed in time by " + strings.Join(e.Missing, ", ")
	}
	return text
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// blockCommand keeps a user out.
type blockCommand struct {
	operatorClient
	Gate    string        `placeholder:"NAME" help:"Name of one gate. Without it, all gates of the server."`
	Issuer  *string       `placeholder:"ISS" help:"Issuer (iss) of the user's tokens; empty for tokens without one."`
	Subject string        `required:"" placeholder:"SUB" help:"Subject (sub) of the user's tokens."`
	For     time.Duration `placeholder:"1h" help:"For how long. Default: until it is removed by --remove."`
	Remove  bool          `help:"Remove the block of the user instead."`
	Reason  string        `placeholder:"TEXT" help:"For the log and the list of revocations; clients do not get it."`
}

// Help is shown by --help.
func (blockCommand) Help() string {
	return `Blocks a user, whatever token it shows: its sockets end at once on all nodes of the server, and no new one is admitted until the block ends.

Examples:

    socketio-jwt block --issuer https://issuer.example --subject ada --for 1h
    socketio-jwt block --issuer https://issuer.example --subject ada --remove`
}

// Run blocks the user, or removes the block.
func (c *blockCommand) Run(ctx context.Context, t terminal) error {
	if c.Issuer == nil {
		return errors.New("--issuer is needed, which may be empty for tokens without iss")
	}
	body := map[string]any{"issuer": *c.Issuer, "subject": c.Subject}
	if c.Gate != "" {
		body["gate"] = c.Gate
	}
	if c.Reason != "" {
		body["reason"] = c.Reason
	}
	if c.Remove {
		if c.For != 0 {
			return errors.New("--for has no effect with --remove")
		}
		return c.change(ctx, t, "/blocks/remove", body, "removed")
	}
	if err := c.limit(body, c.For); err != nil {
		return err
	}
	return c.change(ctx, t, "/blocks", body, "blocked")
}
