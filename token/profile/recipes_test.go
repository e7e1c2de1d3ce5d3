package profile_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/mint"
	"socketiojwt/token/profile"
)

// The samples of docs/issuers.md are here, line by line; internal/doctest compares.

// EntraUser returns the rules for the access tokens that a tenant's users have for the
// API with that client ID.
func EntraUser(tenant, apiClientID string) token.Options {
	return token.Options{
		Issuers:   []string{"https://login.microsoftonline.com/" + tenant + "/v2.0"},
		Audiences: []string{apiClientID},
		Required:  []string{"sub", "scp"}, // no ID token has scp, and no token of a program
	}
}

// SupabaseUser returns the rules for the tokens of a project's users.
func SupabaseUser(project string) token.Options {
	return token.Options{
		Issuers:   []string{"https://" + project + ".supabase.co/auth/v1"},
		Audiences: []string{"authenticated"},
		Required:  []string{"sub"},
	}
}

// The samples accept the tokens that their issuer sends, with keys found by the issuer's
// name, and refuse its tokens for other services.
func TestSamples(t *testing.T) {
	const tenant, api, spa = "fa15d692-e9c7-4460-a743-29f2952222f9", "ef1da9d4-ff77-4c3e-a005-840c3f830745", "6731de76-14a6-49ae-97bc-6eba6914391e"
	entra := map[string]any{
		"aud": api, "sub": "AAAAAAAAAAAAAAAAAAAAAIkz", "azp": spa, "azpacr": "0", "oid": "690222be", "tid": tenant, "ver": "2.0", "scp": "chat.write",
		"uti": "fqiBqXLPj0eQa82S", "name": "Ada", "preferred_username": "ada@example.com",
	}
	supabase := map[string]any{
		"aud": "authenticated", "sub": "7c6ff9a7", "role": "authenticated", "aal": "aal1", "session_id": "d8aaab28", "is_anonymous": false, "email": "ada@example.com",
		"phone": "", "amr": []any{map[string]any{"method": "password", "timestamp": 1780000000}}, "app_metadata": map[string]any{"provider": "email"}, "user_metadata": map[string]any{},
	}
	standard := shapes(names{api: "https://chat.example.com", client: "6k3web", project: "chat-1234"})
	type refused = map[string]any // more claims, and the sentinel under ""
	for name, test := range map[string]struct {
		rules   func() token.Options
		good    shape
		refused []refused
	}{
		"auth0": {func() token.Options {
			rules := profile.Auth0("https://tenant.eu.auth0.com/", "https://chat.example.com")
			return rules
		}, standard["auth0 access"], []refused{
			{"": token.ErrIssuer, "iss": "https://tenant.eu.auth0.com"},
		}},
		"keycloak": {func() token.Options {
			rules := profile.Keycloak("https://login.example.com/realms/crew", "https://chat.example.com")
			return rules
		}, standard["keycloak access"], []refused{
			{"": token.ErrAudience, "aud": "account"},
		}},
		"cognito access": {func() token.Options {
			rules := profile.CognitoAccessToken("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_EXAMPLE", "6k3web")
			return rules
		}, standard["cognito access"], nil},
		"cognito id": {func() token.Options {
			rules := profile.CognitoIDToken("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_EXAMPLE", "6k3web")
			return rules
		}, standard["cognito id"], nil},
		"firebase": {func() token.Options {
			rules := profile.Firebase("chat-1234")
			return rules
		}, standard["firebase id"], nil},
		"access token": {func() token.Options {
			rules := profile.AccessToken("https://login.example.com", "https://chat.example.com")
			return rules
		}, standard["access"], nil},
		"ID token": {func() token.Options {
			rules := profile.IDToken("https://login.example.com", "6k3web")
			rules.Absent = append(rules.Absent, "scope") // if its access tokens have a scope and the same aud
			return rules
		}, standard["id"], []refused{
			{"": token.ErrClaim, "scope": "openid"},
		}},
		"logout token": {func() token.Options {
			rules := profile.LogoutToken("https://login.example.com", "6k3web")
			return rules
		}, logoutOf("6k3web"), []refused{
			{"": token.ErrClaim, "nonce": "n-41"},
		}},
		"entra": {func() token.Options { return EntraUser(tenant, api) }, shape{jwt, entra}, []refused{
			{"": token.ErrIssuer, "iss": "https://sts.windows.net/" + tenant + "/", "aud": "api://" + api, "ver": "1.0"},
			{"": token.ErrIssuer, "iss": "https://login.microsoftonline.com/11111111-e9c7-4460-a743-29f2952222f9/v2.0"},
			{"": token.ErrAudience, "aud": spa},
			{"": token.ErrClaimMissing, "scp": nil},                             // an ID token
			{"": token.ErrClaimMissing, "scp": nil, "roles": []string{"robot"}}, // a program's
		}},
		"supabase": {func() token.Options { return SupabaseUser("abcdefghij") }, shape{jwt, supabase}, []refused{
			{"": token.ErrAudience, "aud": "anon"},
			{"": token.ErrIssuer, "iss": "supabase", "aud": nil, "sub": nil, "role": "anon"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			rules := test.rules()
			issuer, keys := publish(t, rules.Issuers[0])
			v := verifier(t, keys, rules)
			if _, err := v.Verify(context.Background(), sign(t, issuer, test.good)); err != nil {
				t.Errorf("the good one: %v", err)
			}
			for _, more := range test.refused {
				claims := with(test.good.claims, more)
				delete(claims, "")
				if _, err := v.Verify(context.Background(), sign(t, issuer, shape{test.good.header, claims})); !errors.Is(err, more[""].(error)) {
					t.Errorf("with %v: %v", more, err)
				}
			}
		})
	}
}

// logoutOf returns a logout token for a client.
func logoutOf(client string) shape {
	return shape{map[string]any{"typ": "logout+jwt"}, logout(names{client: client}, nil)}
}

// A project of Supabase that signs its tokens with a secret also signs the key that is in
// every page with it.
func TestSupabaseSecret(t *testing.T) {
	const secret = "a secret of more than thirty-two bytes"
	key, err := mint.Secret(secret, token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	hour := time.Now().Add(time.Hour).Unix()
	inEveryPage, err := mint.Sign(key, map[string]any{"iss": "supabase", "ref": "abcdefghij", "role": "anon", "exp": hour}, mint.Header{})
	if err != nil {
		t.Fatal(err)
	}
	user, err := mint.Sign(key, map[string]any{
		"iss": "https://abcdefghij.supabase.co/auth/v1", "aud": "authenticated", "sub": "7c6ff9a7", "role": "authenticated", "exp": hour,
	}, mint.Header{})
	if err != nil {
		t.Fatal(err)
	}
	for compact, want := range map[string]error{inEveryPage: token.ErrIssuer, user: nil} {
		verifier, err := token.NewVerifier(token.Secret(secret), SupabaseUser("abcdefghij"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verifier.Verify(context.Background(), compact); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
}
