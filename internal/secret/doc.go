// Package secret recognises secrets in telemetry: the names of the attributes, headers and JSON
// fields that hold them, and the shapes of keys. It finds them in one pass over a text and cuts them to a
// form that people may see. It never keeps, logs or hashes a secret.
//
// The shapes are those that the issuers document and that secret scanners look for; see
// https://github.com/gitleaks/gitleaks/blob/master/config/gitleaks.toml (MIT), of which only the knowledge,
// no text, is used here.
package secret

// Redacted replaces a secret of which nothing may be shown, such as a password.
const Redacted = "REDACTED"
