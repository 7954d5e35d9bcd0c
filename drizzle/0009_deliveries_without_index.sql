PRAGMA foreign_keys=OFF;--> statement-breakpoint
CREATE TABLE `__new_deliveries` (
	`id` text NOT NULL,
	`received_at` integer NOT NULL
);
--> statement-breakpoint
INSERT INTO `__new_deliveries`("id", "received_at") SELECT "id", "received_at" FROM (SELECT rowid AS "place", "id", "received_at" FROM `deliveries` ORDER BY "place" DESC LIMIT 100000) ORDER BY "place";--> statement-breakpoint
DROP TABLE `deliveries`;--> statement-breakpoint
ALTER TABLE `__new_deliveries` RENAME TO `deliveries`;--> statement-breakpoint
PRAGMA foreign_keys=ON;