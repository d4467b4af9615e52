# shellcheck shell=sh
# Runs in a file tree with Debian's mail servers as they were installed, and sets them up by hand, as somebody did
# who had a mail host to run: two people, their mail in Maildirs, submission with AUTH on 587, and a small directory.
# Which ports are listened on besides stays as Debian ships it. Each host puts its own name and certificate in.
set -eu

# --- people ----------------------------------------------------------------------------------

for user in alice bob; do
    useradd --create-home --shell /bin/bash "$user"
    echo "$user:$user-secret" | chpasswd
done

# --- the certificate: a placeholder, so that all of the files below mean something ------------

mkdir -p /etc/ssl/mail
usermod --append --groups ssl-cert openldap
cp /etc/ssl/certs/ssl-cert-snakeoil.pem /etc/ssl/mail/fullchain.pem
install -o root -g ssl-cert -m 640 /etc/ssl/private/ssl-cert-snakeoil.key /etc/ssl/mail/key.pem

# --- Postfix ---------------------------------------------------------------------------------

echo example.test >/etc/mailname
# Without a peer's name in the banner, no client waits for one to be looked up.
# shellcheck disable=SC2016 # Postfix's own variable
postconf -e \
    'myhostname = host.test' \
    'mydestination = $myhostname, example.test, localhost' \
    'home_mailbox = Maildir/' \
    'smtpd_peername_lookup = no' \
    'smtpd_tls_cert_file = /etc/ssl/mail/fullchain.pem' \
    'smtpd_tls_key_file = /etc/ssl/mail/key.pem' \
    'smtpd_sasl_type = dovecot' \
    'smtpd_sasl_path = private/auth'
# The stock entry, without the "#" in front of the lines that are not prose.
sed -i '/^#submission inet/,/^#  -o milter_macro_daemon_name/s/^#\(submission\|  -o \)/\1/' /etc/postfix/master.cf
grep -q '^submission inet' /etc/postfix/master.cf
newaliases
# What the first start does: the queue's folders, where Dovecot puts its socket for AUTH, and files for the chroot (with
# Debian's script, up to 12; from 13 on that belongs to the start itself).
postfix check
/usr/lib/postfix/configure-instance.sh - 2>/dev/null || { postfix start; postfix stop; }

# --- Dovecot ---------------------------------------------------------------------------------

cd /etc/dovecot/conf.d
if grep -q '^dovecot_config_version' ../dovecot.conf; then
    sed -i \
        -e 's|^mail_driver = .*|mail_driver = maildir|' \
        -e 's|^mail_path = .*|mail_path = %{home}/Maildir|' \
        -e '/^mail_inbox_path = /d' 10-mail.conf
    sed -i \
        -e 's|^ssl_server_cert_file = .*|ssl_server_cert_file = /etc/ssl/mail/fullchain.pem|' \
        -e 's|^ssl_server_key_file = .*|ssl_server_key_file = /etc/ssl/mail/key.pem|' 10-ssl.conf
else
    sed -i 's|^mail_location = .*|mail_location = maildir:~/Maildir|' 10-mail.conf
    sed -i \
        -e 's|^ssl_cert = .*|ssl_cert = </etc/ssl/mail/fullchain.pem|' \
        -e 's|^ssl_key = .*|ssl_key = </etc/ssl/mail/key.pem|' 10-ssl.conf
fi
sed -i '/^  #unix_listener .*private\/auth {/,/^  #}/{
    s/^  #/  /
    s/mode = 0666/mode = 0660\
    user = postfix\
    group = postfix/
}' 10-master.conf
cd /
doveconf -n | grep -q private/auth
doveconf -nx >/dev/null

# --- OpenLDAP --------------------------------------------------------------------------------

slapadd -n 1 <<'END'
dn: ou=people,dc=example,dc=test
objectClass: organizationalUnit
ou: people

dn: uid=alice,ou=people,dc=example,dc=test
objectClass: inetOrgPerson
uid: alice
cn: Alice
sn: Adams
mail: alice@example.test
userPassword: alice-secret

dn: uid=bob,ou=people,dc=example,dc=test
objectClass: inetOrgPerson
uid: bob
cn: Bob
sn: Brown
mail: bob@example.test
userPassword: bob-secret
END
chown -R openldap:openldap /var/lib/ldap /etc/ldap/slapd.d

touch /etc/.updated /var/.updated
