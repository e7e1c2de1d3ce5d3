package tenants

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"socketiojwt/auth"
	"socketiojwt/token"
)

// Denylist is a verifier that wraps another one and refuses the tokens that the program
// has revoked.
type Denylist struct {
	auth.Verifier
	Revoked func(ctx context.Context, issuer, id string) (bool, error)
}

// Verify implements auth.Verifier.
func (d Denylist) Verify(ctx context.Context, compact string) (*token.Token, error) {
	t, err := d.Verifier.Verify(ctx, compact)
	if err != nil {
		return nil, err
	}
	switch revoked, err := d.Revoked(ctx, t.Issuer, t.ID); {
	case err != nil:
		return nil, err // the peer is refused temporarily
	case revoked:
		return nil, token.ErrRevoked
	}
	return t, nil
}

// Unwrap returns the verifier whose keys may be unavailable.
func (d Denylist) Unwrap() auth.Verifier { return d.Verifier }

// Introspection is a verifier of opaque tokens, which asks the authorization server about
// each of them (RFC 7662).
type Introspection struct {
	Endpoint, ClientID, ClientSecret string
	Issuer, Audience                 string
}

// Verify implements auth.Verifier.
func (i Introspection) Verify(ctx context.Context, opaque string) (*token.Token, error) {
	form := strings.NewReader(url.Values{"token": {opaque}}.Encode())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, i.Endpoint, form)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(url.QueryEscape(i.ClientID), url.QueryEscape(i.ClientSecret))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Active   bool   `json:"active"`
		Issuer   string `json:"iss"`
		Audience string `json:"aud"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("introspection answered with status %d", response.StatusCode)
	}
	switch {
	case !answer.Active:
		return nil, token.ErrRevoked
	case answer.Issuer != i.Issuer:
		return nil, token.ErrIssuer
	case answer.Audience != i.Audience:
		return nil, token.ErrAudience
	}
	return token.New(opaque, body, time.Now().Add(5*time.Minute)) // ask again after 5 minutes at most
}
