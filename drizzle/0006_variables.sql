ALTER TABLE `jobs` ADD `variables` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `jobs` ADD `setup_variables` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `jobs` ADD `sealed_variables` text;--> statement-breakpoint
ALTER TABLE `revisions` ADD `sealed_variables` text;