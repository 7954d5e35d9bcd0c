CREATE TABLE `readings` (
	`deployment_id` integer NOT NULL,
	`key` text NOT NULL,
	`digest` text NOT NULL,
	`read_at` integer NOT NULL,
	PRIMARY KEY(`deployment_id`, `key`),
	FOREIGN KEY (`deployment_id`) REFERENCES `deployments`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`digest`) REFERENCES `snapshots`(`digest`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `readings_digest` ON `readings` (`digest`);--> statement-breakpoint
CREATE TABLE `revision_changes` (
	`revision_id` integer PRIMARY KEY NOT NULL,
	`base_sha` text,
	`base_url` text,
	`unknown` text,
	`compared` text,
	`decided_at` integer NOT NULL,
	FOREIGN KEY (`revision_id`) REFERENCES `revisions`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `revision_changes_decided` ON `revision_changes` (`decided_at`);--> statement-breakpoint
CREATE TABLE `snapshots` (
	`digest` text PRIMARY KEY NOT NULL,
	`content` blob NOT NULL
);
