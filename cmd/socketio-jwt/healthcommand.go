package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"socketiojwt/internal/display"
)

// healthCommand asks a server whether it is healthy, for images that have no other program.
type healthCommand struct {
	URL     string        `arg:"" default:"http://localhost:9000/health" help:"What to ask: /health or /ready of --addr, or /healthz or /readyz of --metrics. Default: ${default}."`
	Timeout time.Duration `default:"3s" help:"How long the answer may take. Default: ${default}."`
}

// Help is shown by --help.
func (healthCommand) Help() string {
	return `Asks a running server by HTTP. The exit code is 0 if it answers with status 200, and 1 if it does not, as HEALTHCHECK of Docker expects. Redirects are not followed.

Examples:

    socketio-jwt health
    socketio-jwt health http://localhost:9002/readyz`
}

// Run asks the server.
func (c *healthCommand) Run(ctx context.Context, t terminal) error {
	if c.Timeout <= 0 {
		return fmt.Errorf("--timeout must be positive")
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL, nil)
	if err != nil || request.URL.Host == "" {
		return fmt.Errorf("%.100q is not a URL such as http://localhost:9000/health", display.URL(c.URL))
	}
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true}, // without HTTP_PROXY, because the server is local
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		fmt.Fprintf(t.err, "not healthy: %s\n", display.Printable(display.Redact(unwrapURL(err).Error(), "")))
		return errRefused
	}
	defer response.Body.Close()
	const most = 1000
	body, _ := io.ReadAll(io.LimitReader(response.Body, most)) // for people only
	if response.StatusCode != http.StatusOK {
		fmt.Fprintf(t.err, "not healthy: %s %s\n", response.Status, display.Printable(string(body)))
		return errRefused
	}
	fmt.Fprintf(t.out, "healthy: %s\n", display.Printable(string(body)))
	return nil
}
