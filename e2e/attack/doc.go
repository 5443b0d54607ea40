// Package attack attacks the built binary in each access mode, as somebody does who can reach it: with
// hostile requests of every role, of no role, of other web pages, and of those who send telemetry. Each
// attack says what it found. They run with TOKENBOARD_ATTACK=1 (make attack), which takes some minutes.
package attack
