package profile_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"socketiojwt/token"
)

// broken is the change that breaks an otherwise good token. nil removes a member.
type broken struct {
	header, claims map[string]any
	want           error
}

var untyped = map[string]any{"typ": nil}

// Each requirement of each profile is broken by itself. Changes that break no requirement
// are accepted.
func TestRequirements(t *testing.T) {
	type c = map[string]any
	n := names{api: "https://chat.example.com", client: "chat-web", project: "chat-1234"}
	issuer, keys := publish(t, signer)
	all := shapes(n)
	common := []broken{
		{nil, c{}, nil},
		{nil, c{"iss": nil}, token.ErrIssuer},
		{nil, c{"iss": signer + "/"}, token.ErrIssuer},
		{nil, c{"exp": nil}, token.ErrClaimMissing},
		{nil, c{"exp": time.Now().Add(-time.Minute).Unix()}, token.ErrExpired},
		{nil, c{"nbf": time.Now().Add(time.Minute).Unix()}, token.ErrNotYetValid},
		{nil, c{"sub": 7}, token.ErrClaim},
		{nil, c{"aud": 7}, token.ErrClaim},
		{nil, c{"cnf": c{"jkt": "0ZcO"}}, token.ErrClaim},
		{c{"typ": "dpop+jwt"}, nil, token.ErrType},
	}
	ofUsers := []broken{ // all except logout tokens
		{nil, c{"sub": nil}, token.ErrClaimMissing},
		{nil, c{"sub": ""}, token.ErrClaimMissing},
		{c{"typ": "logout+jwt"}, nil, token.ErrType},
	}
	for _, test := range []struct {
		profile, shape string
		own            []broken
	}{
		{"access-token", "access", []broken{
			{c{"typ": "application/at+JWT"}, nil, nil},
			{c{"typ": "JWT"}, nil, token.ErrType},
			{untyped, nil, token.ErrType},
			{nil, c{"aud": nil}, token.ErrAudience},
			{nil, c{"aud": n.client}, token.ErrAudience},
			{nil, c{"client_id": nil}, token.ErrClaimMissing},
			{nil, c{"client_id": ""}, token.ErrClaimMissing},
			{nil, c{"iat": nil}, token.ErrClaimMissing},
			{nil, c{"jti": nil}, token.ErrClaimMissing},
			{nil, c{"jti": ""}, token.ErrClaimMissing},
		}},
		{"id-token", "id", []broken{
			{untyped, nil, nil},
			{c{"typ": "at+jwt"}, nil, token.ErrType},
			{nil, c{"aud": nil}, token.ErrAudience},
			{nil, c{"aud": n.api, "azp": n.client}, token.ErrAudience},
			{nil, c{"iat": nil}, token.ErrClaimMissing},
			{nil, c{"events": c{}}, token.ErrClaim},
		}},
		{"logout", "logout", []broken{
			{c{"typ": "application/logout+JWT"}, nil, nil},
			{c{"typ": "JWT"}, nil, nil},
			{untyped, nil, nil},
			{c{"typ": "at+jwt"}, nil, token.ErrType},
			{nil, c{"aud": nil}, token.ErrAudience},
			{nil, c{"aud": n.api}, token.ErrAudience},
			{nil, c{"iat": nil}, token.ErrClaimMissing},
			{nil, c{"iat": "now"}, token.ErrClaim},
			{nil, c{"iat": time.Now().Add(time.Minute).Unix()}, token.ErrNotYetValid},
			{nil, c{"iat": time.Now().Add(-11 * time.Minute).Unix()}, token.ErrMaxAge},
			{nil, c{"jti": nil}, token.ErrClaimMissing},
			{nil, c{"jti": ""}, token.ErrClaimMissing},
			{nil, c{"events": nil}, token.ErrClaimMissing},
			{nil, c{"nonce": "n-41"}, token.ErrClaim},
			{nil, c{"nonce": ""}, token.ErrClaim},
			{nil, c{"sub": nil}, nil}, // package auth/logout checks that sub or sid is present
		}},
		{"auth0", "auth0 access", []broken{
			{untyped, nil, nil},
			{c{"typ": "at+jwt"}, nil, nil},
			{nil, c{"aud": nil}, token.ErrAudience},
			{nil, c{"aud": n.client}, token.ErrAudience},
			{nil, c{"aud": n.api + "/"}, token.ErrAudience},
		}},
		{"keycloak", "keycloak access", []broken{
			{c{"typ": "at+jwt"}, nil, nil},
			{nil, c{"aud": nil}, token.ErrAudience},
			{nil, c{"aud": "account", "azp": n.api}, token.ErrAudience},
			{nil, c{"typ": nil}, token.ErrClaimMissing},
			{nil, c{"typ": "ID"}, token.ErrClaim},
			{nil, c{"typ": "Refresh"}, token.ErrClaim},
			{nil, c{"typ": "Offline"}, token.ErrClaim},
			{nil, c{"typ": "Logout"}, token.ErrClaim},
			{nil, c{"typ": "DPoP"}, token.ErrClaim},
			{nil, c{"typ": "bearer"}, token.ErrClaim},
			{nil, c{"typ": []string{"Bearer"}}, token.ErrClaim},
		}},
		{"cognito-access", "cognito access", []broken{
			{c{"typ": "JWT"}, nil, nil},
			{c{"typ": "at+jwt"}, nil, token.ErrType},
			{nil, c{"client_id": nil}, token.ErrAudience},
			{nil, c{"client_id": "another", "aud": n.client}, token.ErrAudience},
			{nil, c{"client_id": 7}, token.ErrClaim},
			{nil, c{"token_use": nil}, token.ErrClaimMissing},
			{nil, c{"token_use": "id"}, token.ErrClaim},
			{nil, c{"token_use": "Access"}, token.ErrClaim},
		}},
		{"cognito-id", "cognito id", []broken{
			{c{"typ": "JWT"}, nil, nil},
			{c{"typ": "at+jwt"}, nil, token.ErrType},
			{nil, c{"aud": nil, "client_id": n.client}, token.ErrAudience},
			{nil, c{"token_use": nil}, token.ErrClaimMissing},
			{nil, c{"token_use": "access"}, token.ErrClaim},
			{nil, c{"iat": nil}, token.ErrClaimMissing},
			{nil, c{"events": c{}}, token.ErrClaim},
		}},
		{"firebase", "firebase id", []broken{
			{untyped, nil, nil},
			{c{"typ": "at+jwt"}, nil, token.ErrType},
			{nil, c{"aud": nil}, token.ErrAudience},
			{nil, c{"aud": "chat-1235"}, token.ErrAudience},
			{nil, c{"iss": "https://securetoken.google.com/chat-1235"}, token.ErrIssuer},
			{nil, c{"auth_time": nil}, token.ErrClaimMissing},
			{nil, c{"iat": nil}, token.ErrClaimMissing},
			{nil, c{"events": c{}}, token.ErrClaim},
		}},
	} {
		v := verifier(t, keys, rulesOf(t, test.profile, n))
		good := all[test.shape]
		if test.profile != "logout" {
			test.own = append(test.own, ofUsers...)
		}
		for _, b := range slices.Concat(common, test.own) {
			compact := sign(t, issuer, shape{with(good.header, b.header), with(good.claims, b.claims)})
			if _, err := v.Verify(context.Background(), compact); !errors.Is(err, b.want) {
				t.Errorf("%s, header %v, claims %v: %v, want %v", test.profile, b.header, b.claims, err, b.want)
			}
		}
	}
}
