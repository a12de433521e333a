/*
 * Whose code may run in this process.
 *
 * Knows owners, modes, and the groups that belong to one user alone, as openssh's
 * StrictModes does. An access list that gives somebody more shows as rights of the group
 * (its mask). One thread at a time.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include <processor/trust.h>

/* The group that systems make with a user, of the same name, while nobody else is in it. */
static bool
is_private_group(gid_t group, uid_t owner)
{
	const struct passwd *user = getpwuid(owner);
	const struct group *entry = user ? getgrgid(group) : NULL;

	if (!entry || user->pw_gid != group || strcmp(entry->gr_name, user->pw_name) != 0)
		return false;
	for (char **member = entry->gr_mem; *member; member++)
		if (strcmp(*member, user->pw_name) != 0)
			return false;
	return true;
}

bool
weir__trust(const struct stat *status, uid_t user, char *why, size_t size)
{
	unsigned mode = status->st_mode & 07777;

	why[0] = '\0';
	if (status->st_uid != 0 && status->st_uid != user)
		snprintf(why, size,
			 "its owner, user %u, is neither root nor the user who runs this (%u)",
			 (unsigned)status->st_uid, (unsigned)user);
	else if (mode & S_IWOTH)
		snprintf(why, size, "everybody may write to it (mode %04o; chmod o-w)", mode);
	else if ((mode & S_IWGRP) && !is_private_group(status->st_gid, status->st_uid))
		snprintf(why, size,
			 "group %u may write to it and is not the owner's private one "
			 "(mode %04o; chmod g-w)",
			 (unsigned)status->st_gid, mode);
	return why[0] == '\0';
}

bool
weir__trust_place(const char *path, uid_t user)
{
	char folder[PATH_MAX], why[200];
	struct stat status;
	char *slash;

	if (path[0] != '/' || strlen(path) >= sizeof(folder))
		return false;
	strcpy(folder, path);
	while ((slash = strrchr(folder, '/'))) {
		slash[slash == folder] = '\0';
		if (stat(folder, &status) != 0)
			return false;
		if (status.st_mode & S_ISVTX) /* there only an owner renames */
			status.st_mode &= ~(mode_t)(S_IWGRP | S_IWOTH);
		if (!weir__trust(&status, user, why, sizeof(why)))
			return false;
		if (slash == folder)
			return true;
	}
	return false;
}
