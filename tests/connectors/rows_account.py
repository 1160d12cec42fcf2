"""x"""

NOT_AUTOMATED = {}
