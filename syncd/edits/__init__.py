"""What an edit of the admins' files would do, and putting it in force; the one room that knows more than one version.

When files are looked at is syncd.daemon.live's, what a decision is syncd.pipeline's.
"""
