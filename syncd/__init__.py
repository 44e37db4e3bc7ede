"""syncd: polls marketing automation and CRM, joins them on one lead definition, hands over only complete leads."""
