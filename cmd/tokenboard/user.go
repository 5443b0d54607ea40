package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/tokenboard/tokenboard/extension/tokenstoreextension"
	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/access/password"
	"github.com/tokenboard/tokenboard/internal/console/users"
	"github.com/tokenboard/tokenboard/internal/store"
)

// userCommand works on the users of a data folder, also while tokenboard runs on it: the server reads
// users for every request.
type userCommand struct {
	dir    string
	config []string
	stdin  bool
}

func newUserCommand() *cobra.Command {
	u := &userCommand{}
	cmd := &cobra.Command{
		Use:   "user",
		Short: "Make and change users of the console, also while tokenboard runs",
		Long: `Make and change users of the console, also while tokenboard runs. It needs no sign-in, only the data
folder: whoever can write there is in charge. Users sign in where access::mode is local or oidc.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	cmd.PersistentFlags().StringVar(&u.dir, "data-dir", "", "folder of the database (default $"+dataDirVariable+", else the quickstart's)")
	cmd.PersistentFlags().StringArrayVar(&u.config, "config", nil, "configuration of the server, which says where its database is, instead of --data-dir")
	cmd.MarkFlagsMutuallyExclusive("config", "data-dir")
	cmd.AddCommand(u.add(), u.passwd(), u.list(), u.disable("disable", "Keep a user out, and sign it out everywhere", true),
		u.disable("enable", "Let a disabled user in again", false))
	return cmd
}

// open opens the database of the configuration or of the data folder. Only add makes one.
func (u *userCommand) open(ctx context.Context, create bool) (tokenstoreextension.Administration, error) {
	conf, err := u.store(ctx)
	if err != nil {
		return nil, err
	}
	if file := conf.Database(); file != "" && !exists(file) && !create {
		return nil, fmt.Errorf("there is no database at %s; name its folder with --data-dir", file)
	}
	return conf.Administer(ctx)
}

// store returns the configuration of the database.
func (u *userCommand) store(ctx context.Context) (*tokenstoreextension.Config, error) {
	if len(u.config) > 0 {
		conf, err := readConfig(ctx, u.config)
		if err != nil {
			return nil, err
		}
		return conf.store, nil
	}
	conf := tokenstoreextension.NewFactory().CreateDefaultConfig().(*tokenstoreextension.Config) //nolint:forcetypeassert // its own
	conf.Directory = u.dir
	if conf.Directory == "" {
		conf.Directory = os.Getenv(dataDirVariable)
	}
	if conf.Directory == "" {
		var err error
		if conf.Directory, err = defaultDataDir(); err != nil {
			return nil, err
		}
	}
	return conf, nil
}

// with runs f on the database.
func (u *userCommand) with(ctx context.Context, create bool, f func(tokenstoreextension.Administration) error) error {
	a, err := u.open(ctx, create)
	if err != nil {
		return err
	}
	return errors.Join(f(a), a.Close())
}

// entry returns the entry of the audit log for a change by this command.
func (u *userCommand) entry(action string, of *store.User, before, after any) (store.AuditEntry, error) {
	e := store.AuditEntry{
		Time: time.Now().UTC(), Actor: store.AuditActor{Name: "unknown", Via: "command line"}, Action: action,
		Target: store.AuditTarget{Type: "user", ID: of.ID, Name: of.Name},
	}
	if who, err := user.Current(); err == nil {
		e.Actor.Name = who.Username
	}
	for _, d := range []struct {
		from any
		into *json.RawMessage
	}{{before, &e.Before}, {after, &e.After}} {
		if d.from == nil {
			continue
		}
		b, err := json.Marshal(d.from)
		if err != nil {
			return e, fmt.Errorf("describe the change: %w", err)
		}
		*d.into = b
	}
	return e, nil
}

const maxDisplayName = 100 // as in the API

// shownUser is the part of a user that is printed and logged.
type shownUser struct {
	Name        string `json:"name"`
	DisplayName string `json:"display_name,omitempty"`
	Role        string `json:"role"`
	Source      string `json:"source"`
	Disabled    bool   `json:"disabled"`
}

func shown(of *store.User) shownUser {
	s := shownUser{Name: of.Name, DisplayName: of.DisplayName, Role: of.Role, Source: "local", Disabled: of.Disabled}
	if of.Subject != "" {
		s.Source = "oidc"
	}
	if s.Role == "" {
		s.Role = "none"
	}
	return s
}

// find returns a user by name.
func find(ctx context.Context, a tokenstoreextension.Administration, name string) (store.User, error) {
	name, err := users.CleanName(name)
	if err != nil {
		return store.User{}, fmt.Errorf("a user's name %w", err)
	}
	of, found, err := a.FindUser(ctx, store.UserRef{Name: name})
	if err == nil && !found {
		err = fmt.Errorf("there is no user %s; tokenboard user list shows them", name)
	}
	return of, err
}

// newPassword asks for a password, on the terminal or, for scripts, from standard input.
func (u *userCommand) newPassword(c *cobra.Command, name string) (string, error) {
	secret, err := u.readPassword(c)
	if err != nil {
		return "", err
	}
	if err := password.Check(secret, name); err != nil {
		return "", fmt.Errorf("the password %w", err)
	}
	hash, err := password.New(password.Recommended).Hash(c.Context(), password.Caller{}, secret)
	if err != nil {
		return "", fmt.Errorf("hash the password: %w", err)
	}
	return hash, nil
}

func (u *userCommand) readPassword(c *cobra.Command) (string, error) {
	if u.stdin {
		line, err := bufio.NewReader(io.LimitReader(c.InOrStdin(), 4<<10)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the password: %w", err)
		}
		for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r') {
			line = line[:len(line)-1]
		}
		return line, nil
	}
	fd := int(os.Stdin.Fd())
	if !term.IsTerminal(fd) {
		return "", errors.New("there is no terminal to ask for the password; pipe it in, with --password-stdin")
	}
	var typed [2][]byte
	for i, prompt := range []string{"Password: ", "Once more: "} {
		_, _ = fmt.Fprint(c.ErrOrStderr(), prompt)
		b, err := term.ReadPassword(fd)
		_, _ = fmt.Fprintln(c.ErrOrStderr())
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		typed[i] = b
	}
	if string(typed[0]) != string(typed[1]) {
		return "", errors.New("the two passwords differ")
	}
	return string(typed[0]), nil
}

func (u *userCommand) stdinFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&u.stdin, "password-stdin", false, "read the password from standard input instead of asking for it")
}

func (u *userCommand) add() *cobra.Command {
	var role, display string
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Make a user",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			name, err := users.CleanName(args[0])
			if err != nil {
				return fmt.Errorf("a user's name %w", err)
			}
			r, err := access.ParseRole(role)
			if err != nil || r == access.Verifier {
				return fmt.Errorf("--role %s is no role of a user; these are admin, operator, viewer and member", role)
			}
			if utf8.RuneCountInString(display) > maxDisplayName || strings.ContainsFunc(display, func(r rune) bool { return !unicode.IsGraphic(r) }) {
				return fmt.Errorf("--display-name must have at most %d characters, and no control characters", maxDisplayName)
			}
			id := make([]byte, 8)
			_, _ = rand.Read(id) // never fails, see crypto/rand
			of := store.User{ID: "usr_" + hex.EncodeToString(id), Name: name, DisplayName: display, Role: role, CreatedAt: time.Now().UTC()}
			if of.Password, err = u.newPassword(c, name); err != nil {
				return err
			}
			return u.with(c.Context(), true, func(a tokenstoreextension.Administration) error {
				entry, err := u.entry("user.create", &of, nil, shown(&of))
				if err == nil {
					err = a.AddUser(c.Context(), of, entry)
				}
				if errors.Is(err, store.ErrUserExists) {
					return fmt.Errorf("a user %s exists already; tokenboard user passwd gives it a new password", name)
				}
				if err == nil {
					_, err = fmt.Fprintf(c.OutOrStdout(), "added %s as %s\n", name, role)
				}
				return err
			})
		},
	}
	cmd.Flags().StringVar(&role, "role", "viewer", "admin, operator, viewer or member")
	cmd.Flags().StringVar(&display, "display-name", "", "name to show")
	u.stdinFlag(cmd)
	return cmd
}

func (u *userCommand) passwd() *cobra.Command {
	var role string
	cmd := &cobra.Command{
		Use:   "passwd NAME",
		Short: "Give a user a new password, and sign it out everywhere",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return u.with(c.Context(), false, func(a tokenstoreextension.Administration) error {
				of, err := find(c.Context(), a, args[0])
				if err != nil {
					return err
				}
				if of.Subject != "" {
					return fmt.Errorf("%s signs in at the OpenID Connect provider; change the password there, or add another user", of.Name)
				}
				before := shown(&of)
				if of.Password, err = u.newPassword(c, of.Name); err != nil {
					return err
				}
				if role != "" {
					if r, err := access.ParseRole(role); err != nil || r == access.Verifier {
						return fmt.Errorf("--role %s is no role of a user; these are admin, operator, viewer and member", role)
					}
					of.Role = role
				}
				return u.update(c, a, of, before, "user.password", "new password of")
			})
		},
	}
	cmd.Flags().StringVar(&role, "role", "", "give it this role too: admin, operator, viewer or member")
	u.stdinFlag(cmd)
	return cmd
}

// update stores a changed user, and signs it out.
func (u *userCommand) update(c *cobra.Command, a tokenstoreextension.Administration, of store.User, before any, action, done string) error {
	entry, err := u.entry(action, &of, before, shown(&of))
	if err == nil {
		err = a.UpdateUser(c.Context(), of, store.UserUpdate{EndSessions: true}, entry)
	}
	if errors.Is(err, store.ErrChanged) {
		return fmt.Errorf("%s was changed meanwhile; run the command again", of.Name)
	}
	if errors.Is(err, store.ErrLastAdmin) {
		return fmt.Errorf("%s is the last admin; make another one first: tokenboard user add --role admin", of.Name)
	}
	if err == nil {
		_, err = fmt.Fprintln(c.OutOrStdout(), done, of.Name)
	}
	return err
}

func (u *userCommand) disable(name, short string, disabled bool) *cobra.Command {
	return &cobra.Command{
		Use:   name + " NAME",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return u.with(c.Context(), false, func(a tokenstoreextension.Administration) error {
				of, err := find(c.Context(), a, args[0])
				if err != nil {
					return err
				}
				before := shown(&of)
				of.Disabled = disabled
				return u.update(c, a, of, before, "user.update", name+"d")
			})
		},
	}
}

func (u *userCommand) list() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the users",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return u.with(c.Context(), false, func(a tokenstoreextension.Administration) error {
				users, err := a.Users(c.Context())
				if err != nil {
					return err
				}
				if asJSON {
					all := make([]shownUser, len(users))
					for i := range users {
						all[i] = shown(&users[i])
					}
					enc := json.NewEncoder(c.OutOrStdout())
					enc.SetIndent("", "  ")
					return enc.Encode(all)
				}
				w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
				_, _ = fmt.Fprintln(w, "NAME\tROLE\tSOURCE\tSTATE\tLAST SEEN\tDISPLAY NAME") // Flush returns errors
				for i := range users {
					s, state, seen := shown(&users[i]), "enabled", "never"
					if s.Disabled {
						state = "disabled"
					}
					if at := users[i].SeenAt; !at.IsZero() {
						seen = at.Format(time.RFC3339)
					}
					_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", s.Name, s.Role, s.Source, state, seen, s.DisplayName)
				}
				return w.Flush()
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}
