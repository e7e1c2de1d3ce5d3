package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"socketiojwt/internal/display"
	"socketiojwt/token"
	"socketiojwt/token/mint"
)

// operatorScope is the scope of tokens of the API of operators.
const operatorScope = "socketio:admin"

// operatorSecret holds the flags of the secret that signs the tokens of operators, for serve
// and for the commands that call the API.
type operatorSecret struct {
	AdminSecret     *string `secret:"" env:"SOCKETIO_JWT_ADMIN_SECRET" group:"Operators" placeholder:"SECRET" help:"Secret that signs the tokens of operators, at least 32 bytes. Other users of the machine can see a command line: use the environment or a file."`
	AdminSecretFile string  `reload:"" env:"SOCKETIO_JWT_ADMIN_SECRET_FILE" group:"Operators" placeholder:"FILE" help:"File that holds this secret; a line break at its end is ignored."`
}

// secret returns the secret, or reports that none was given.
func (o operatorSecret) secret() (secret string, given bool, err error) {
	secret, given, err = oneSecret(o.AdminSecret, o.AdminSecretFile)
	if err != nil {
		err = errors.New(strings.ReplaceAll(strings.ReplaceAll(err.Error(), "--secret", "--admin-secret"), "SOCKETIO_JWT_SECRET", "SOCKETIO_JWT_ADMIN_SECRET"))
	}
	return secret, given, err
}

// operatorClient holds the flags of commands that call the API of operators of a server.
type operatorClient struct {
	Server     string  `env:"SOCKETIO_JWT_ADMIN_URL" default:"http://localhost:9001" placeholder:"URL" help:"Address of the API of operators, which serve opens with --admin. Default: ${default}."`
	AdminToken *string `env:"SOCKETIO_JWT_ADMIN_TOKEN" placeholder:"TOKEN" help:"Token of an operator, or - to read it from standard input. Without it the command signs one by the secret of operators."`
	operatorSecret
	JSON bool `name:"json" help:"Print JSON."`

	scope string // of a token that the command signs; empty means that of operators
}

// operatorTokenLife is how long the tokens are valid that a command signs for itself.
const operatorTokenLife = time.Minute

// token returns the token for a request.
func (c *operatorClient) token(ctx context.Context, t terminal) (string, error) {
	secret, given, err := c.secret()
	switch {
	case err != nil:
		return "", err
	case c.AdminToken != nil:
		return readToken(ctx, *c.AdminToken, t.in)
	case !given:
		return "", errors.New("no token of an operator: set SOCKETIO_JWT_ADMIN_SECRET to the secret of the server, or SOCKETIO_JWT_ADMIN_TOKEN")
	}
	return signOperator(secret, "socketio-jwt command", operatorTokenLife, cmp.Or(c.scope, operatorScope))
}

// signOperator returns a token of the API of operators.
func signOperator(secret, name string, life time.Duration, scope string) (string, error) {
	key, err := mint.Secret(secret, token.HS256)
	if err != nil {
		return "", fmt.Errorf("the secret of operators: %w", err)
	}
	now := time.Now()
	return mint.Sign(key, map[string]any{
		"sub": name, "iat": now.Unix(), "exp": now.Add(life).Unix(), "scope": scope,
	}, mint.Header{})
}

// maxAnswer bounds the body of a response, in bytes. A page of the API is far smaller.
const maxAnswer = 16 << 20

// call sends a request and decodes the response. A nil body sends none, and a nil into
// expects none.
func (c *operatorClient) call(ctx context.Context, t terminal, method, path string, query url.Values, body, into any) error {
	compact, err := c.token(ctx, t)
	if err != nil {
		return err
	}
	address, err := url.Parse(c.Server)
	if err != nil || address.Host == "" || address.Scheme != "http" && address.Scheme != "https" || address.User != nil {
		return errors.New("--server must be a URL such as http://localhost:9001, without a user name")
	}
	if address.Scheme == "http" && !isLoopback(address.Hostname()) {
		return errors.New("--server is not on this machine and does not use https, so anyone on the network path could take the operator's token: use https, or a tunnel to localhost")
	}
	address.Path = strings.TrimSuffix(address.Path, "/") + path
	address.RawQuery = query.Encode()
	var sent io.Reader = http.NoBody
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(text)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, errors.New("the server did not answer within 30 s"))
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, address.String(), sent)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+compact)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }} // another server must not get the token
	response, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("the API of operators at %s: %w", display.URL(c.Server), unwrapURL(err))
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		var p struct{ Title, Detail, ID string }
		_ = json.Unmarshal(text, &p) // another server may answer with anything
		return fmt.Errorf("the server answered %s%s", response.Status, detailOf(p.Detail, p.ID))
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("the response of %s is not that of the API of operators: %w", display.URL(c.Server), err)
	}
	return nil
}

// detailOf returns what a problem says beside its status.
func detailOf(detail, id string) string {
	switch {
	case detail == "":
		return ""
	case id != "":
		return ": " + detail + " (" + id + " in its log)"
	}
	return ": " + detail
}

// isLoopback reports whether a host is this machine.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback() || host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// unwrapURL returns the cause of an error of net/http, without the URL.
func unwrapURL(err error) error {
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
