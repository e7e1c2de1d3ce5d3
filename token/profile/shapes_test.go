package profile_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"testing"
	"time"

	"socketiojwt/token/tokentest"
)

// shape has the content of a token, except for its algorithm, key and times, and for iss if
// it is the signing issuer. Claims that are nil are left out.
type shape struct {
	header, claims map[string]any
}

// names are the audiences of the tokens of all issuers.
type names struct {
	api, client, project string
}

var jwt, atJWT, noType = map[string]any{"typ": "JWT"}, map[string]any{"typ": "at+jwt"}, map[string]any{}

// shapes are tokens of real issuers, with their usual claims.
func shapes(n names) map[string]shape {
	authTime := time.Now().Add(-time.Minute).Unix()
	return map[string]shape{
		// RFC 9068, section 2.
		"access": {atJWT, map[string]any{
			"aud": n.api, "sub": "ada", "client_id": "web", "jti": "4b2f", "scope": "chat.read chat.write", "auth_time": authTime,
		}},
		// OpenID Connect Core 1.0, section 2.
		"id": {jwt, map[string]any{
			"aud": n.client, "sub": "ada", "nonce": "n-41", "auth_time": authTime, "acr": "1", "at_hash": "bm90IGEgaGFzaCBvZiBp", "email": "ada@example.com",
		}},
		"access, bound by mutual TLS": {atJWT, map[string]any{
			"aud": n.api, "sub": "ada", "client_id": "web", "jti": "4b30", "scope": "chat.read", "cnf": map[string]any{"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"},
		}},
		// OpenID Connect Back-Channel Logout 1.0, section 2.4, which recommends the typ.
		"logout":          {map[string]any{"typ": "logout+jwt"}, logout(n, nil)},
		"logout, typ JWT": {jwt, logout(n, nil)},
		"id, untyped, for two": {noType, map[string]any{
			"aud": []string{"mail", n.client}, "azp": "mail", "sub": "ada",
		}},
		// A token of Google that an app got for its server.
		"id, another azp": {jwt, map[string]any{
			"aud": n.client, "azp": "android-app", "sub": "110169484474386276334", "email": "ada@example.com", "email_verified": true, "name": "Ada",
		}},

		"auth0 access": {jwt, map[string]any{
			"aud": []string{n.api, "https://tenant.eu.auth0.com/userinfo"}, "sub": "auth0|5f7c8ec7c33c6c004bbafe82", "azp": "web",
			"scope": "openid profile chat.write", "permissions": []string{"chat.write"},
		}},
		"auth0 access, machine": {jwt, map[string]any{
			"aud": n.api, "sub": "robot@clients", "azp": "robot", "scope": "chat.read", "gty": "client-credentials",
		}},
		"auth0 access, RFC 9068": {atJWT, map[string]any{
			"aud": []string{n.api, "https://tenant.eu.auth0.com/userinfo"}, "sub": "auth0|5f7c8ec7c33c6c004bbafe82", "client_id": "web",
			"jti": "jUr1xNzBQmQ9qpz2", "scope": "openid profile chat.write", "permissions": []string{"chat.write"},
		}},
		"auth0 id": {jwt, map[string]any{
			"aud": n.client, "sub": "auth0|5f7c8ec7c33c6c004bbafe82", "sid": "s1", "nonce": "n-41", "nickname": "ada", "name": "ada@example.com",
			"picture": "https://pictures.example.com/ada.png", "updated_at": "2026-06-01T12:00:00.000Z", "email": "ada@example.com", "email_verified": true,
		}},

		"keycloak access":         {jwt, keycloakAccess(n, nil)},
		"keycloak access, at+jwt": {atJWT, keycloakAccess(n, nil)},
		"keycloak access, DPoP":   {jwt, keycloakAccess(n, map[string]any{"typ": "DPoP", "cnf": map[string]any{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}})},
		"keycloak access, no aud": {jwt, keycloakAccess(n, map[string]any{"aud": "account"})},
		"keycloak access, lightweight": {jwt, map[string]any{
			"jti": "onrtac:b1c9", "typ": "Bearer", "azp": "web", "sid": "s1", "scope": "openid email profile",
		}},
		"keycloak id": {jwt, map[string]any{
			"jti": "77aa", "aud": n.client, "sub": "f1c4f64e", "typ": "ID", "azp": n.client, "nonce": "n-41", "sid": "s1", "at_hash": "bm90IGEgaGFzaCBvZiBp",
			"acr": "1", "auth_time": authTime, "email_verified": true, "preferred_username": "ada",
		}},
		"keycloak refresh": {jwt, map[string]any{
			"jti": "78aa", "aud": signer, "sub": "f1c4f64e", "typ": "Refresh", "azp": n.client, "sid": "s1", "scope": "openid email profile",
		}},
		"keycloak logout": {jwt, logout(n, map[string]any{"typ": "Logout"})},

		"cognito access":        {noType, cognitoAccess(n, nil)},
		"cognito access, bound": {noType, cognitoAccess(n, map[string]any{"aud": n.api})},
		"cognito id": {noType, map[string]any{
			"aud": n.client, "sub": "aaaaaaaa-bbbb", "token_use": "id", "cognito:username": "ada", "cognito:groups": []string{"crew"}, "origin_jti": "o1", "event_id": "e1",
			"jti": "j1", "auth_time": authTime, "at_hash": "bm90IGEgaGFzaCBvZiBp", "email": "ada@example.com", "email_verified": true,
		}},

		"firebase id":             {jwt, firebaseID(n, nil)},
		"firebase session cookie": {jwt, firebaseID(n, map[string]any{"iss": "https://session.firebase.google.com/" + n.project})},
		"firebase custom token": {jwt, map[string]any{
			"iss": "admin@chat-1234.iam.example.com", "sub": "admin@chat-1234.iam.example.com", "uid": "ada",
			"aud": "https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit",
		}},
	}
}

func keycloakAccess(n names, more map[string]any) map[string]any {
	return with(map[string]any{
		"jti": "onrtac:9d1e", "aud": []string{n.api, "account"}, "sub": "f1c4f64e", "typ": "Bearer", "azp": "web", "sid": "s1", "acr": "1",
		"allowed-origins": []string{"https://chat.example.com"}, "realm_access": map[string]any{"roles": []string{"offline_access", "crew"}},
		"resource_access": map[string]any{"account": map[string]any{"roles": []string{"view-profile"}}}, "scope": "openid email profile",
		"email_verified": true, "preferred_username": "ada",
	}, more)
}

func logout(n names, more map[string]any) map[string]any {
	return with(map[string]any{
		"jti": "79aa", "aud": n.client, "sub": "ada", "sid": "s1",
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}, more)
}

func cognitoAccess(n names, more map[string]any) map[string]any {
	return with(map[string]any{
		"sub": "aaaaaaaa-bbbb", "client_id": n.client, "token_use": "access", "scope": "openid chat/write", "username": "ada", "version": 2,
		"cognito:groups": []string{"crew"}, "origin_jti": "o1", "event_id": "e1", "jti": "j2", "auth_time": time.Now().Add(-time.Minute).Unix(),
	}, more)
}

func firebaseID(n names, more map[string]any) map[string]any {
	return with(map[string]any{
		"aud": n.project, "sub": "Xk893u23", "user_id": "Xk893u23", "auth_time": time.Now().Add(-time.Minute).Unix(), "name": "Ada",
		"email": "ada@example.com", "email_verified": true,
		"firebase": map[string]any{"identities": map[string]any{"email": []string{"ada@example.com"}}, "sign_in_provider": "password"},
	}, more)
}

// with returns a copy of claims with further claims.
func with(claims, more map[string]any) map[string]any {
	all := maps.Clone(claims)
	maps.Copy(all, more)
	return all
}

// sign signs a token of the shape. Its header has only the members of the shape, unlike
// that of Issuer.Sign.
func sign(t *testing.T, issuer *tokentest.Issuer, s shape) string {
	t.Helper()
	key := issuer.Key()
	header := with(s.header, map[string]any{"alg": key.Key().Algorithms()[0], "kid": key.Key().ID()})
	now := time.Now()
	claims := with(map[string]any{"iss": issuer.URL(), "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}, s.claims)
	for _, part := range []map[string]any{header, claims} {
		maps.DeleteFunc(part, func(_ string, value any) bool { return value == nil })
	}
	encode := func(part map[string]any) string {
		text, err := json.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	input := encode(header) + "." + encode(claims)
	signature, err := key.Signature(input)
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}
