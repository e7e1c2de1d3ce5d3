package keytext

import (
	"bytes"
	"encoding/asn1"
)

// derKind tells what key a DER encoding holds, by its structure: an unknown algorithm or
// curve does not make a key a secret.
func derKind(der []byte) string {
	if len(der) == 0 || der[0] != 0x30 { // a SEQUENCE, as each of them is
		return ""
	}
	top := members(withoutTail(der))
	if len(top) < 2 {
		return ""
	}
	first, second := top[0], top[1]
	switch {
	case startsWithOID(first) && is(second, asn1.TagBitString):
		return "a public key in DER" // SubjectPublicKeyInfo
	case startsWithOID(first) && is(second, asn1.TagOctetString) && len(top) == 2:
		return "a private key in DER" // EncryptedPrivateKeyInfo (RFC 5958)
	case len(top) == 3 && is(first, asn1.TagSequence) && startsWithOID(second) && is(top[2], asn1.TagBitString):
		return "a certificate in DER" // or a request, or a list of revoked ones
	case is(first, asn1.TagOID) && second.Class == asn1.ClassContextSpecific && second.Tag == 0 && isPKCS7(first):
		return "certificates in PKCS #7"
	case !is(first, asn1.TagInteger):
		return ""
	case isVersion(first, 3) && startsWithOID(second):
		return "a keystore in PKCS #12"
	case isVersion(first, 0, 1) && startsWithOID(second) && len(top) > 2 && is(top[2], asn1.TagOctetString):
		return "a private key in DER" // PKCS #8
	case isVersion(first, 1) && is(second, asn1.TagOctetString):
		return "a private key in DER" // SEC 1
	case len(top) == 2 && isLong(first) && is(second, asn1.TagInteger):
		return "a public key in DER" // PKCS #1
	case isVersion(first, 0, 1) && isLong(second) && len(top) > 5:
		return "a private key in DER" // PKCS #1, and DSA of OpenSSL
	}
	return ""
}

// is reports whether a member has a universal tag.
func is(member asn1.RawValue, tag int) bool {
	return member.Class == asn1.ClassUniversal && member.Tag == tag
}

// members returns what is in a SEQUENCE that is all of der; nil if der is not one.
func members(der []byte) []asn1.RawValue {
	var sequence asn1.RawValue
	rest, err := asn1.Unmarshal(der, &sequence)
	if err != nil || len(rest) > 0 || !is(sequence, asn1.TagSequence) {
		return nil
	}
	var all []asn1.RawValue
	for rest = sequence.Bytes; len(rest) > 0; {
		var member asn1.RawValue
		if rest, err = asn1.Unmarshal(rest, &member); err != nil {
			return nil
		}
		all = append(all, member)
	}
	return all
}

// withoutTail returns der without the white space and zero bytes after its first value: a
// file may end in a line break, and so may a key by chance.
func withoutTail(der []byte) []byte {
	var first asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &first); err == nil && len(bytes.Trim(rest, " \t\r\n\x00")) == 0 {
		return first.FullBytes
	}
	return der
}

// startsWithOID reports whether a member is an AlgorithmIdentifier, or a ContentInfo.
func startsWithOID(member asn1.RawValue) bool {
	inner := members(member.FullBytes)
	if len(inner) == 0 {
		return false
	}
	var oid asn1.ObjectIdentifier
	_, err := asn1.Unmarshal(inner[0].FullBytes, &oid)
	return err == nil
}

func isPKCS7(member asn1.RawValue) bool {
	var oid asn1.ObjectIdentifier
	_, err := asn1.Unmarshal(member.FullBytes, &oid)
	return err == nil && len(oid) == 7 && oid[:6].Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7})
}

// isVersion reports whether an INTEGER is one of versions.
func isVersion(member asn1.RawValue, versions ...byte) bool {
	for _, version := range versions {
		if is(member, asn1.TagInteger) && len(member.Bytes) == 1 && member.Bytes[0] == version {
			return true
		}
	}
	return false
}

// isLong reports whether a member is an INTEGER as long as a modulus.
func isLong(member asn1.RawValue) bool { return is(member, asn1.TagInteger) && len(member.Bytes) >= 64 }
