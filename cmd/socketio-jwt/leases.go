package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"socketiojwt/internal/display"
)

// leaseResult is a socket as the API of operators returns it.
type leaseResult struct {
	ID         string    `json:"id"`
	Gate       string    `json:"gate"`
	Namespace  string    `json:"namespace"`
	State      string    `json:"state"`
	Node       string    `json:"node,omitzero"`
	Socket     string    `json:"socket"`
	RemoteAddr string    `json:"remoteAddr"`
	Issuer     string    `json:"issuer,omitzero"`
	Subject    string    `json:"subject,omitzero"`
	TokenID    string    `json:"tokenId,omitzero"`
	SessionID  string    `json:"sessionId,omitzero"`
	TokenHash  string    `json:"tokenHash,omitzero"`
	Since      time.Time `json:"since"`
	Until      time.Time `json:"until,omitzero"`
}

// selection holds the flags that select sockets or tokens. A flag that is given and empty is
// an error, except --issuer.
type selection struct {
	Gate    string  `placeholder:"NAME" help:"Name of one gate. Without it, all gates of the server."`
	Issuer  *string `placeholder:"ISS" help:"Issuer (iss) of the token; empty for tokens without one. Needed with --subject, --token-id and --session."`
	Subject string  `placeholder:"SUB" help:"Subject (sub)."`
	TokenID string  `name:"token-id" placeholder:"JTI" help:"Token ID (jti)."`
	Session string  `placeholder:"SID" help:"Session at the issuer (sid)."`
	Hash    string  `placeholder:"HEX" help:"SHA-256 of the token's signed parts, as the log and leases show it."`
}

// leasesCommand lists sockets.
type leasesCommand struct {
	operatorClient
	selection
	Namespace string `placeholder:"NAME" help:"Namespace."`
	State     string `placeholder:"STATE" help:"held, examining, guest, running or ending."`
	Count     bool   `help:"Print only the number of sockets."`
	ID        string `arg:"" optional:"" placeholder:"ID" help:"Show only the socket with this ID."`
}

// Help is shown by --help.
func (leasesCommand) Help() string {
	return `Lists the sockets that a running server knows, with the users of their tokens. The server must have been started with --admin.

Examples:

    export SOCKETIO_JWT_ADMIN_SECRET=...
    socketio-jwt leases
    socketio-jwt leases --issuer https://issuer.example --subject ada
    socketio-jwt leases --state held --count`
}

// Run lists the sockets, page by page.
func (c *leasesCommand) Run(ctx context.Context, t terminal) error {
	if c.ID != "" {
		var l leaseResult
		if err := c.call(ctx, t, http.MethodGet, "/leases/"+url.PathEscape(c.ID), nil, nil, &l); err != nil {
			return err
		}
		return c.print(t, []leaseResult{l}, false)
	}
	query := c.query()
	if c.Count {
		var counted struct {
			Count   int      `json:"count"`
			Missing []string `json:"missing,omitzero"`
		}
		if err := c.call(ctx, t, http.MethodGet, "/leases/count", query, nil, &counted); err != nil {
			return err
		}
		if c.JSON {
			return printJSON(t.out, counted)
		}
		missing(t, counted.Missing)
		_, err := fmt.Fprintln(t.out, counted.Count)
		return err
	}
	query.Set("limit", "1000")
	for first := true; ; first = false {
		var page struct {
			Leases  []leaseResult `json:"leases"`
			Next    string        `json:"next"`
			Missing []string      `json:"missing"`
		}
		if err := c.call(ctx, t, http.MethodGet, "/leases", query, nil, &page); err != nil {
			return err
		}
		missing(t, page.Missing)
		if err := c.print(t, page.Leases, first); err != nil {
			return err
		}
		if page.Next == "" {
			return nil
		}
		query.Set("after", page.Next)
	}
}

// missing says which nodes have not answered, so that their sockets are not in the result.
func missing(t terminal, nodes []string) {
	if len(nodes) > 0 {
		fmt.Fprintf(t.err, "these nodes have not answered: %s\n", display.Printable(strings.Join(nodes, ", ")))
	}
}

func (c *leasesCommand) query() url.Values {
	query := url.Values{}
	for name, value := range map[string]string{
		"gate": c.Gate, "subject": c.Subject, "tokenId": c.TokenID, "sessionId": c.Session, "tokenHash": c.Hash,
		"namespace": c.Namespace, "state": c.State,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if c.Issuer != nil {
		query.Set("issuer", *c.Issuer)
	}
	return query
}

// print prints sockets, as a table or as one JSON object for each.
func (c *leasesCommand) print(t terminal, leases []leaseResult, headed bool) error {
	if c.JSON {
		for _, l := range leases {
			if err := printJSON(t.out, l); err != nil {
				return err
			}
		}
		return nil
	}
	table := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	if headed {
		fmt.Fprintln(table, "ID\tNODE\tNAMESPACE\tSTATE\tSUBJECT\tISSUER\tADDRESS\tENDS")
	}
	now := time.Now()
	for _, l := range leases {
		ends := "-"
		if !l.Until.IsZero() {
			ends = display.Distance(l.Until, now)
		}
		row := []string{l.ID, orDash(l.Node), l.Namespace, l.State, orDash(l.Subject), orDash(l.Issuer), l.RemoteAddr, ends}
		for i := range row {
			row[i] = display.Printable(row[i])
		}
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	return table.Flush()
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// disconnectCommand disconnects one socket.
type disconnectCommand struct {
	operatorClient
	Reconnect bool   `help:"Let the client reconnect by itself: close its transport instead of sending DISCONNECT."`
	ID        string `arg:"" placeholder:"ID" help:"ID of the socket, as leases prints it."`
}

// Help is shown by --help.
func (disconnectCommand) Help() string {
	return `Disconnects one socket of a running server. Its token stays good, so that its user can connect again: see revoke and block.

Example:

    socketio-jwt disconnect chat.0c0000000fq2m0h1k7d9a`
}

// Run disconnects the socket.
func (c *disconnectCommand) Run(ctx context.Context, t terminal) error {
	body := map[string]bool{"temporary": c.Reconnect}
	if err := c.call(ctx, t, http.MethodPost, "/leases/"+url.PathEscape(c.ID)+"/disconnect", nil, body, nil); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(t.out, map[string]bool{"disconnected": true})
	}
	_, err := fmt.Fprintln(t.out, "disconnected")
	return err
}
