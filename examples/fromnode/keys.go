package fromnode

import (
	"context"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/token"
	"socketiojwt/token/mint"
)

func Base64Secret(secret string) (*token.Verifier, error) {
	return token.NewVerifier(token.SecretBase64(secret), token.Options{})
}

func Sign(key mint.SigningKey, id, name string) (string, error) {
	return mint.Sign(key, map[string]any{
		"sub":  id,
		"name": name,
		"exp":  time.Now().Add(60 * time.Minute).Unix(),
	}, mint.Header{})
}

func SecretOfUser(secrets map[string]string) token.KeyFunc {
	return func(_ context.Context, u token.Unverified) (token.Key, error) {
		var user string
		if err := u.Claim("userId", &user); err != nil {
			return token.Key{}, err
		}
		secret, ok := secrets[user]
		if !ok {
			return token.Key{}, token.ErrKeyNotFound
		}
		return token.Secret(secret), nil
	}
}

func SecretOfNamespace(secrets map[string]string) token.KeyFunc {
	return func(ctx context.Context, _ token.Unverified) (token.Key, error) {
		socket := socketio.FromContext(ctx) // its Handshake is what `request` was
		secret, ok := secrets[socket.Namespace().Name()]
		if !ok {
			return token.Key{}, token.ErrKeyNotFound
		}
		return token.Secret(secret), nil
	}
}

// PublicKeys takes what looks a key up: ok is false for an ID that the issuer does
// not have, err says that this could not be found out.
func PublicKeys(lookup func(ctx context.Context, keyID string) (pem []byte, ok bool, err error)) (*token.Verifier, error) {
	keys := token.KeyFunc(func(ctx context.Context, u token.Unverified) (token.Key, error) {
		pem, ok, err := lookup(ctx, u.Header.KeyID)
		switch {
		case err != nil:
			return token.Key{}, err // not the token's fault: the client comes again
		case !ok:
			return token.Key{}, token.ErrKeyNotFound
		}
		return token.PEM(pem, token.RS256), nil
	})
	return token.NewVerifier(keys, token.Options{
		Issuers:   []string{"https://login.example.com/"},
		Audiences: []string{"chat"},
	})
}

func Rotation(old, next string) (*token.Verifier, error) {
	keys := token.NewKeySet(
		token.Secret(old, token.HS256).WithID("old"), // leaves when the last token by it has expired
		token.Secret(next, token.HS512).WithID("next"),
	)
	return token.NewVerifier(keys, token.Options{InsecureShortSecret: true}) // for the old one's sake
}

func AsBefore(secret string) (*token.Verifier, error) {
	return token.NewVerifier(token.Secret(secret, token.HS256, token.HS384, token.HS512), token.Options{
		Leeway:              -1,   // clockTolerance: 0
		InsecureNoExpiry:    true, // tokens without exp
		InsecureShortSecret: true, // "secret"
	})
}
