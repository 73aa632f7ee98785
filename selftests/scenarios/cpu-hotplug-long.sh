# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
#
# The same for ten minutes.
# shellcheck source=selftests/scenarios/cpu-hotplug.sh
. "$scenarios/cpu-hotplug.sh"
description="the same as cpu-hotplug, for ten minutes"
when=full
limit=1200
seconds=600
