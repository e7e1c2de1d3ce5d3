package fromnode

import (
	"context"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/token"
	"socketiojwt/token/jwks"
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
		socket := socketio.FromContext(ctx) // its Handshake replaces `request`
		secret, ok := secrets[socket.Namespace().Name()]
		if !ok {
			return token.Key{}, token.ErrKeyNotFound
		}
		return token.Secret(secret), nil
	}
}

// IssuerKeys returns the verifier and its keys. Close the keys when the program ends.
func IssuerKeys(url string) (*token.Verifier, *jwks.Set, error) {
	keys, err := jwks.New(url, jwks.Options{Algorithms: []token.Algorithm{token.RS256}})
	if err != nil {
		return nil, nil, err
	}
	verifier, err := token.NewVerifier(keys, token.Options{
		Issuers:   []string{"https://login.example.com/"},
		Audiences: []string{"chat"},
	})
	return verifier, keys, err
}

func Rotation(old, next string, end time.Time) (*token.Verifier, error) {
	keys := token.NewKeySet(
		token.Secret(next).WithID("next"),
		token.Secret(old).WithID("old").WithNotAfter(end), // the time when its last token has expired
	)
	return token.NewVerifier(keys, token.Options{InsecureShortSecret: true}) // needed for the old one
}

func AsBefore(secret string) (*token.Verifier, error) {
	return token.NewVerifier(token.Secret(secret, token.HS256, token.HS384, token.HS512), token.Options{
		Leeway:              -1,   // clockTolerance: 0
		NumericSubject:      true, // sub: 7
		InsecureNoExpiry:    true, // tokens without exp
		InsecureShortSecret: true, // "secret"
	})
}
