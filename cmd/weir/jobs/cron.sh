#!/bin/sh
# Written by `weir init cron`. Once a night it takes what is newly known of threats, scans a git checkout, and pushes the updates that leave no
# known vulnerability as the branch weir/fix; cron mails what it prints. A line for crontab -e:
#   17 3 * * * /srv/weir-nightly.sh /srv/checkout
set -eu
cd "${1:?usage: weir-nightly.sh CHECKOUT}"
base=$(git symbolic-ref --short HEAD)
if [ "$base" = weir/fix ] || ! git diff --quiet; then
	echo "weir-nightly: $PWD has changes of its own; nothing was done" >&2
	exit 2
fi
git pull --quiet --ff-only
weir db update || echo "weir-nightly: the advisories could not be updated; going on with those that there are" >&2
code=0
weir scan || code=$?
case $code in 0 | 1 | 3) ;; *) exit "$code" ;; esac
weir fix --write
if ! git diff --quiet; then
	git checkout --quiet -B weir/fix
	git -c user.name=weir -c user.email=weir@localhost commit --quiet --all --message "Update dependencies with known vulnerabilities"
	pushed=0
	git push --quiet --force origin weir/fix || pushed=$?
	git checkout --quiet "$base"
	[ "$pushed" = 0 ] || exit "$pushed"
	echo "weir-nightly: updates are proposed on the branch weir/fix"
fi
exit "$code"
