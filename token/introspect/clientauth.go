package introspect

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"socketiojwt/token/mint"
)

// A ClientAuth authenticates the program at the introspection endpoint (RFC 7662, section
// 2.1). ClientSecretBasic, ClientSecretPost, PrivateKeyJWT and BearerToken make one. It
// prints no secret, and may be used concurrently. The zero ClientAuth is an error of New.
type ClientAuth struct {
	apply func(r authRequest) error // a func, so that fmt shows no secret
	wrong error                     // an invalid argument, which New reports
}

// authRequest is what a ClientAuth adds credentials to.
type authRequest struct {
	ctx    context.Context
	url    string // of the endpoint
	now    time.Time
	header http.Header
	form   url.Values
}

// ClientSecretBasic authenticates by an Authorization header of scheme Basic (RFC 6749,
// section 2.3.1).
func ClientSecretBasic(id, secret string) ClientAuth {
	credentials := base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id) + ":" + url.QueryEscape(secret)))
	return ClientAuth{wrong: checkClient(id, secret), apply: func(r authRequest) error {
		r.header.Set("Authorization", "Basic "+credentials)
		return nil
	}}
}

// ClientSecretPost authenticates by client_id and client_secret in the body of the request
// (RFC 6749, section 2.3.1), for servers that do not support ClientSecretBasic.
func ClientSecretPost(id, secret string) ClientAuth {
	return ClientAuth{wrong: checkClient(id, secret), apply: func(r authRequest) error {
		r.form.Set("client_id", id)
		r.form.Set("client_secret", secret)
		return nil
	}}
}

func checkClient(id, secret string) error {
	if id == "" || secret == "" {
		return errors.New("introspect: the ID or the secret of the client is empty")
	}
	return nil
}

// PrivateKeyJWT authenticates by a signed assertion (RFC 7523, section 2.2), which is made
// for each request and is valid for a minute. audience identifies the server, often by its
// issuer; empty means the URL of the endpoint.
func PrivateKeyJWT(id string, key mint.SigningKey, audience string) ClientAuth {
	a := ClientAuth{apply: func(r authRequest) error {
		claims := map[string]any{
			"iss": id, "sub": id, "aud": audience, "jti": rand.Text(),
			"iat": r.now.Unix(), "exp": r.now.Add(time.Minute).Unix(),
		}
		if audience == "" {
			claims["aud"] = r.url
		}
		assertion, err := mint.Sign(key, claims, mint.Header{})
		r.form.Set("client_id", id)
		r.form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		r.form.Set("client_assertion", assertion)
		return err
	}}
	if _, err := mint.Sign(key, struct{}{}, mint.Header{}); id == "" || err != nil {
		a.wrong = errors.New("introspect: the ID of the client is empty, or its key cannot sign")
	}
	return a
}

// BearerToken authenticates by an access token of the program (RFC 6750, section 2.1). get
// returns the token for each request. It is called concurrently, and must return soon after
// ctx is done. An error or a panic of get counts as a failure of the endpoint. The text of
// its error is not shown.
func BearerToken(get func(ctx context.Context) (string, error)) ClientAuth {
	a := ClientAuth{apply: func(r authRequest) error {
		bearer, err := get(r.ctx)
		if err == nil && !isToken(bearer) {
			err = errors.New("not a token")
		}
		if err != nil {
			return errNoBearer
		}
		r.header.Set("Authorization", "Bearer "+bearer)
		return nil
	}}
	if get == nil {
		a.wrong = errors.New("introspect: the function of BearerToken is nil")
	}
	return a
}

var errNoBearer = fmt.Errorf("no access token for the endpoint: the function of BearerToken failed")

// isToken reports whether text is a token by RFC 6750, section 2.1 (b64token).
func isToken(text string) bool {
	end := len(text)
	for end > 0 && text[end-1] == '=' {
		end--
	}
	for i := range end {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '.', c == '_', c == '~', c == '+', c == '/':
		default:
			return false
		}
	}
	return end > 0
}
